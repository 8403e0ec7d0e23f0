/**
 * Parts of a resource (RFC 9110, section 14): reading the `Range` header, and building the whole answer (200, 206, 304,
 * 412 or 416) from something that gives the bytes of a span. Several ranges become `multipart/byteranges`.
 * Bounded: a header that asks for more than `maxRanges` spans, or for more bytes than there are, gets the whole.
 * Follows Go's `ServeContent`, except that unknown units are ignored as the RFC demands and `-0` is unsatisfiable.
 * Bun sends a stream of several chunks chunked, whatever Content-Length says; files and bytes keep their length.
 */
import { checkConditions, formatHttpDate, type Validators } from "./conditional.ts";
import { streamOf } from "./stream.ts";

/** Half-open span of bytes `[start, end)`. */
export interface ByteSpan {
  start: number;
  end: number;
}

/** What a `Range` header asks for. */
export type RangeRequest =
  { kind: "whole" } | { kind: "unsatisfiable" } | { kind: "spans"; spans: readonly [ByteSpan, ...ByteSpan[]] };

const whole: RangeRequest = { kind: "whole" };
const unsatisfiable: RangeRequest = { kind: "unsatisfiable" };

/** Reads a `Range` header against a resource of `sizeBytes`. Spans come in the order asked, cut to what exists, never empty. */
export function parseRange(header: string, sizeBytes: number, maxRanges = 32): RangeRequest {
  const equals = header.indexOf("=");
  if (equals < 0 || header.slice(0, equals).trim().toLowerCase() !== "bytes") return whole;
  const spans: ByteSpan[] = [];
  let asked = 0;
  let total = 0;
  for (const item of header.slice(equals + 1).split(",", 4096)) {
    const text = item.trim();
    if (text === "") continue;
    asked++;
    const found = /^(\d*)\s*-\s*(\d*)$/.exec(text);
    if (!found || (found[1] === "" && found[2] === "")) return unsatisfiable;
    const [, from = "", to = ""] = found;
    let span: ByteSpan;
    if (from === "") {
      span = { start: Math.max(0, sizeBytes - Number(to)), end: sizeBytes };
    } else {
      if (to !== "" && Number(to) < Number(from)) return unsatisfiable;
      span = { start: Number(from), end: to === "" ? sizeBytes : Math.min(sizeBytes, Number(to) + 1) };
    }
    if (span.start >= span.end) continue;
    spans.push(span);
    total += span.end - span.start;
  }
  // An empty resource has no satisfiable range; clients that always send one still want their empty answer.
  if (sizeBytes === 0) return whole;
  const [first, ...rest] = spans;
  if (!first) return asked === 0 ? whole : unsatisfiable;
  if (asked > maxRanges || total > sizeBytes) return whole;
  return { kind: "spans", spans: [first, ...rest] };
}

/** Bytes of a span, as a Response takes them. */
export type SpanBody = Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | string;

/** A resource that can be answered in parts. */
export interface RangeSource extends Validators {
  sizeBytes: number;
  /** The media type of the whole. */
  contentType: string;
  /** Further headers of the answers 200, 206 and 304, such as `Cache-Control`. */
  headers?: Record<string, string>;
  /** The bytes `[start, end)`. Not called for HEAD, 304, 412 or 416. */
  body(start: number, end: number): SpanBody | Promise<SpanBody>;
  /** @default 32 */
  maxRanges?: number;
}

/** Answers a GET or HEAD with as much of `source` as the request's conditions and ranges ask for. */
export async function rangeResponse(
  request: { method: string; headers: Headers },
  source: RangeSource,
): Promise<Response> {
  const headers = new Headers(source.headers);
  if (source.etag !== undefined) headers.set("ETag", source.etag);
  if (source.modifiedAt !== undefined) headers.set("Last-Modified", formatHttpDate(source.modifiedAt));
  headers.set("Accept-Ranges", "bytes");

  const conditions = checkConditions(request, source);
  if (conditions.outcome === "not-modified") {
    headers.delete("Content-Disposition");
    if (source.etag !== undefined) headers.delete("Last-Modified");
    return new Response(null, { status: 304, headers });
  }
  if (conditions.outcome === "failed") return refusal(request, 412, "Precondition failed", {});

  const asked =
    conditions.range === undefined ? whole : parseRange(conditions.range, source.sizeBytes, source.maxRanges);
  if (asked.kind === "unsatisfiable") {
    return refusal(request, 416, "Range not satisfiable", { "Content-Range": `bytes */${source.sizeBytes}` });
  }

  const head = request.method === "HEAD";
  // Bun names the file on disk in a Content-Disposition of its own unless there is one.
  if (!headers.has("Content-Disposition")) headers.set("Content-Disposition", "inline");
  if (asked.kind === "whole") {
    headers.set("Content-Type", source.contentType);
    headers.set("Content-Length", String(source.sizeBytes));
    if (head) return new Response(null, { headers });
    const body = await source.body(0, source.sizeBytes);
    // Given a file, Bun would answer the Range header by itself, without regard to If-Range and the rest of this page.
    const plain = request.headers.has("range") && body instanceof Blob ? streamOf(chunksOf(body)) : body;
    return new Response(plain, { headers });
  }
  if (asked.spans.length === 1) {
    const [span] = asked.spans;
    headers.set("Content-Type", source.contentType);
    headers.set("Content-Range", contentRange(span, source.sizeBytes));
    headers.set("Content-Length", String(span.end - span.start));
    return new Response(head ? null : await source.body(span.start, span.end), { status: 206, headers });
  }

  const boundary = Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("hex");
  const openings = asked.spans.map((span, index) => {
    const range = contentRange(span, source.sizeBytes);
    return `${index === 0 ? "" : "\r\n"}--${boundary}\r\nContent-Type: ${source.contentType}\r\nContent-Range: ${range}\r\n\r\n`;
  });
  const ending = `\r\n--${boundary}--\r\n`;
  const parts = asked.spans.map((span, index) => ({ span, opening: openings[index] ?? "" }));
  const lengthBytes = parts.reduce(
    (sum, { span, opening }) => sum + Buffer.byteLength(opening) + span.end - span.start,
    ending.length,
  );
  headers.set("Content-Type", `multipart/byteranges; boundary=${boundary}`);
  headers.set("Content-Length", String(lengthBytes));
  return new Response(head ? null : streamOf(multipartOf(source, parts, ending)), { status: 206, headers });
}

async function* multipartOf(
  source: RangeSource,
  parts: readonly { span: ByteSpan; opening: string }[],
  ending: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  for (const { span, opening } of parts) {
    yield encoder.encode(opening);
    yield* chunksOf(await source.body(span.start, span.end));
  }
  yield encoder.encode(ending);
}

async function* chunksOf(body: SpanBody): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const stream = body instanceof ReadableStream ? body : new Response(body).body;
  if (!stream) return;
  for await (const chunk of stream) yield chunk as Uint8Array<ArrayBuffer>;
}

function contentRange(span: ByteSpan, sizeBytes: number): string {
  return `bytes ${span.start}-${span.end - 1}/${sizeBytes}`;
}

function refusal(
  request: { method: string },
  status: number,
  sentence: string,
  extra: Record<string, string>,
): Response {
  return new Response(request.method === "HEAD" ? null : `${sentence}\n`, {
    status,
    headers: {
      "Content-Type": "text/plain; charset=utf-8",
      "X-Content-Type-Options": "nosniff",
      "Cache-Control": "no-store",
      ...extra,
    },
  });
}
