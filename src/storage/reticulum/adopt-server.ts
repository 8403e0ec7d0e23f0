/**
 * Images on the servers of a predecessor, by their hashes. There is no listing over HTTP, so the hashes come from a list
 * (hashes, or URLs as they stand in pages) or from the few that its dashboard shows. A predecessor that is asked for what
 * no node has makes its nodes ask each other without end; so each node is first asked what it has itself, which it
 * answers from its own disk, and the bytes are read from the node that has them. Every answer is bounded in size and
 * time, redirects are not followed, and what comes is held against its hash by whoever adopts it.
 */
import { z } from "zod";

import { Fault, reasonOf } from "../../kit/fault.ts";
import { type Found, plainExtension, predecessorExtensions } from "./adopt.ts";

/** How to ask. */
export interface ServerOptions {
  /** Of one image. */
  maxBytes: number;
  /** For one request, all of its answer included. */
  timeMs: number;
  signal: AbortSignal;
  /** A line of the list that names no image. */
  stray(line: string, reason: string): void;
}

/** An image by name only. */
interface Wanted {
  hash: string;
  extension: string | undefined;
}

/** Lists and pages beside images are no longer than this. */
const pageBytesMax = 4 * 1024 * 1024;
/** A line of a list is no longer. */
const lineMax = 8192;
const nodesMax = 256;

const announceShape = z.object({
  neighbors: z.array(z.object({ base_url: z.string(), uuid: z.string().optional() })).catch([]),
});
const localShape = z.object({ local: z.boolean() });

/** The hash in a line, and the extension where the line is a URL with one. */
export function wantedIn(line: string): Wanted | undefined {
  const found = /(?<![0-9a-f])([0-9a-f]{40})(?![0-9a-f])(?:\/[^/\s]+\/[^/\s?#"']*\.([A-Za-z0-9]{1,10}))?/.exec(line);
  const hash = found?.[1];
  if (hash === undefined) return undefined;
  return { hash, extension: found?.[2] === undefined ? undefined : plainExtension(found[2]) };
}

/** The images that a list names, each once. Empty lines and those that begin with `#` are passed over. */
export async function* listedImages(
  base: string,
  list: AsyncIterable<Uint8Array>,
  options: ServerOptions,
): AsyncGenerator<Found, void> {
  const servers = await Servers.find(base, options);
  const seen = new Set<string>();
  for await (const line of linesOf(list)) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    const wanted = wantedIn(text);
    if (wanted === undefined) options.stray(text.slice(0, 200), "names no image");
    else if (!seen.has(wanted.hash)) {
      seen.add(wanted.hash);
      yield servers.image(wanted);
    }
  }
}

/** The images that the dashboard of a server shows: at most some dozens, the last it was busy with. Fault `reticulum/no-dashboard`. */
export async function* recentImages(base: string, options: ServerOptions): AsyncGenerator<Found, void> {
  const servers = await Servers.find(base, options);
  const page = await ask(`${servers.base}/dashboard/`, pageBytesMax, options).catch((thrown: unknown) => {
    throw new Fault(
      "unavailable",
      "reticulum/no-dashboard",
      `Cannot read the dashboard of ${base}: ${reasonOf(thrown)}`,
    );
  });
  if (page.status !== 200)
    throw new Fault(
      "unavailable",
      "reticulum/no-dashboard",
      `Cannot read the dashboard of ${base}: it answered ${page.status}`,
    );
  const seen = new Set<string>();
  for (const [path] of new TextDecoder().decode(page.bytes).matchAll(/\/image\/[0-9a-f]{40}\/[^"'\s<>]+/g)) {
    const wanted = wantedIn(path);
    if (wanted === undefined || seen.has(wanted.hash)) continue;
    seen.add(wanted.hash);
    yield servers.image(wanted);
  }
}

/** The nodes of a predecessor's cluster. */
class Servers {
  readonly base: string;
  /** The one that was given first. */
  readonly #nodes: readonly string[];
  readonly #options: ServerOptions;

  private constructor(nodes: readonly string[], options: ServerOptions) {
    this.base = nodes[0] ?? "";
    this.#nodes = nodes;
    this.#options = options;
  }

  /** Finds the nodes that the one at `base` knows. One that does not tell of others is asked alone. */
  static async find(base: string, options: ServerOptions): Promise<Servers> {
    const first = base.replace(/\/+$/, "");
    const nodes = new Set([first]);
    try {
      const { bytes, status } = await ask(`${first}/announce/`, pageBytesMax, options);
      const parsed = announceShape.safeParse(status === 200 ? jsonOf(bytes) : undefined);
      for (const { base_url: url, uuid } of parsed.success ? parsed.data.neighbors : []) {
        const whole = nodeUrl(url);
        if (whole !== undefined && uuid !== "" && nodes.size < nodesMax) nodes.add(whole);
      }
    } catch (thrown) {
      options.signal.throwIfAborted();
      throw new Fault("unavailable", "reticulum/no-server", `Cannot reach ${base}: ${reasonOf(thrown)}`, {
        cause: thrown,
      });
    }
    return new Servers([...nodes], options);
  }

  image({ extension, hash }: Wanted): Found {
    return {
      hash,
      place: `${this.base}/image/${hash}/full/image${extension === undefined ? "" : `.${extension}`}`,
      extension,
      open: () => this.#open(hash, extension),
    };
  }

  async #open(
    hash: string,
    likely: string | undefined,
  ): Promise<{ bytes: Uint8Array<ArrayBuffer>; extension: string }> {
    const extensions = [...new Set([...(likely === undefined ? [] : [likely]), ...predecessorExtensions])];
    const failures: string[] = [];
    let isMute = false;
    for (const node of this.#nodes) {
      for (const extension of extensions) {
        let isLocal: boolean | undefined;
        try {
          isLocal = await this.#isLocal(node, hash, extension);
          if (isLocal === true) return await this.#read(`${node}/retrieve/${hash}/full/${extension}/`, extension);
        } catch (thrown) {
          this.#options.signal.throwIfAborted();
          failures.push(`${node}: ${reasonOf(thrown)}`);
          // One that does not answer is not asked four times.
          if (isLocal !== true) break;
        }
        if (isLocal === undefined) {
          isMute ||= node === this.base;
          break;
        }
      }
    }
    // One that gives images only (behind a proxy, say) is asked as a browser does.
    for (const extension of isMute ? extensions : []) {
      try {
        return await this.#read(`${this.base}/image/${hash}/full/image.${extension}`, extension);
      } catch (thrown) {
        this.#options.signal.throwIfAborted();
        failures.push(reasonOf(thrown));
      }
    }
    throw new Fault(
      "missing",
      "reticulum/not-found",
      failures.length === 0 ? "no node has it" : `it cannot be had: ${[...new Set(failures)].slice(0, 3).join("; ")}`,
    );
  }

  /** Whether that node has the original on its own disk; undefined when it does not know the question. */
  async #isLocal(node: string, hash: string, extension: string): Promise<boolean | undefined> {
    const { bytes, status } = await ask(
      `${node}/retrieve_info/${hash}/full/${extension}/`,
      pageBytesMax,
      this.#options,
    );
    const parsed = localShape.safeParse(status === 200 ? jsonOf(bytes) : undefined);
    return parsed.success ? parsed.data.local : undefined;
  }

  async #read(url: string, extension: string): Promise<{ bytes: Uint8Array<ArrayBuffer>; extension: string }> {
    const { bytes, contentType, status } = await ask(url, this.#options.maxBytes, this.#options);
    if (status !== 200) throw new Error(`${url} answered ${status}`);
    if (contentType.startsWith("text/")) throw new Error(`${url} answered with ${contentType} instead of an image`);
    return { bytes, extension };
  }
}

/** As nodes tell of each other: with or without `http://`. */
function nodeUrl(text: string): string | undefined {
  const url = (/^https?:\/\//.test(text) ? text : `http://${text}`).replace(/\/+$/, "");
  return /^https?:\/\/[^/]/.test(url) && URL.canParse(url) ? url : undefined;
}

async function ask(
  url: string,
  maxBytes: number,
  { signal, timeMs }: ServerOptions,
): Promise<{ status: number; contentType: string; bytes: Uint8Array<ArrayBuffer> }> {
  const response = await fetch(url, {
    redirect: "manual",
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeMs)]),
  });
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.byteLength;
    // Leaving the loop ends the transfer.
    if (sizeBytes > maxBytes) throw new RangeError(`${url} answered with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return { status: response.status, contentType: response.headers.get("content-type") ?? "", bytes };
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = (lines.pop() ?? "").slice(0, lineMax);
    for (const line of lines) yield line.slice(0, lineMax);
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
