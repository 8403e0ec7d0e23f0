/**
 * `GET /image/<hash>/<size>/<filename>`: who may see it, which form of the URL is the normal one, which format is meant,
 * and the answer with all that caches need. The order of the checks is the predecessor's. Decides nothing about pixels.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { rangeResponse } from "../../kit/http/range.ts";
import { streamOf } from "../../kit/http/stream.ts";
import type { Caller } from "../../kit/service.ts";
import { formatSizeSpec, parseSizeSpec, type SizeSpec } from "../../lib/resize/size-spec.ts";
import type { ImageFormat } from "./engine.ts";
import {
  extensionIn,
  extensionOf,
  formatAccepted,
  formatNamed,
  type ImagePath,
  imagePath,
  keyOfHash,
  mediaTypeOf,
  normalPath,
  parsePixelRatio,
} from "./image-url.ts";
import type { KnownImage } from "./known-images.ts";
import type { ReticulumMetrics } from "./metrics.ts";
import { type Keeping, keepingHeaders, ReadyAnswers } from "./ready.ts";
import type { Reticulum } from "./reticulum.ts";
import { checkSignature, signPath, type Verdict } from "./signing.ts";

/** What may be asked for, and by whom. */
export interface ServingRules {
  readonly urls: "open" | "listed" | "signed";
  readonly sizes: ReadonlySet<string>;
  readonly signingKeys: readonly string[];
  readonly publicImages: boolean;
  readonly convert: boolean;
  readonly negotiate: readonly ImageFormat[];
}

/** What the route stands on. */
export interface ImageRouteParts {
  reticulum: Reticulum;
  ready: ReadyAnswers;
  metrics: ReticulumMetrics;
  rules: ServingRules;
  clock: Clock;
  mountPath: string;
  guarded(): boolean;
}

/** Originals up to this size are read whole, kept at hand and sent with their length. */
const wholeBytesMax = 4 * 1024 * 1024;

/** Serves images by URL. */
export class ImageRoute {
  readonly #parts: ImageRouteParts;
  readonly #prefix: string;

  constructor(parts: ImageRouteParts) {
    this.#parts = parts;
    this.#prefix = `${parts.mountPath}/image/`;
  }

  /** The answer to a plain GET that was answered before; undefined for everything that wants a closer look. */
  shortcut(request: Request, caller: Caller): Response | undefined {
    const { guarded, metrics, ready, rules } = this.#parts;
    if (rules.urls === "signed") return undefined;
    const { url } = request;
    const start = url.indexOf("/", 8);
    if (start < 0 || !url.startsWith(this.#prefix, start)) return undefined;
    const hashAt = start + this.#prefix.length;
    const sizeAt = url.indexOf("/", hashAt) + 1;
    const nameAt = url.indexOf("/", sizeAt) + 1;
    if (sizeAt <= 0 || nameAt <= 0 || url.includes("?", nameAt) || url.includes("/", nameAt)) return undefined;
    const dot = url.lastIndexOf(".");
    if (dot < nameAt) return undefined;
    const { headers } = request;
    if (headers.has("range") || headers.has("if-none-match") || headers.has("if-match")) return undefined;
    if (rules.urls === "listed" && !rules.sizes.has(url.slice(sizeAt, nameAt - 1))) return undefined;
    const isPrivate = !rules.publicImages && guarded();
    if (!rules.publicImages && !caller.may("read")) return undefined;
    // As `ReadyAnswers.address` makes it, without taking the parts apart.
    const plain = `${url.slice(hashAt, nameAt - 1)}${url.slice(dot)}/1/`;
    const negotiated =
      rules.negotiate.length === 0 ? undefined : formatAccepted(headers.get("accept"), rules.negotiate);
    const response =
      (negotiated === undefined ? undefined : ready.response(plain + negotiated, isPrivate)) ??
      // One that depends on Accept is only for those who accept nothing better.
      (negotiated === undefined || ready.find(plain)?.varies === false ? ready.response(plain, isPrivate) : undefined);
    if (response) metrics.served("ready");
    return response;
  }

  /** The answer to GET or HEAD of `path`, whose parts are `parts`; `query` without its question mark. */
  async answer(request: Request, caller: Caller, parts: ImagePath, path: string, query: string): Promise<Response> {
    const { reticulum, rules, mountPath } = this.#parts;
    const key = keyOfHash(parts.hash);
    // Without keys the parameter means nothing, like every unknown one.
    const verdict: Verdict =
      rules.signingKeys.length === 0
        ? { state: "none" }
        : checkSignature(path, query, rules.signingKeys, this.#parts.clock.now());
    if (!rules.publicImages && verdict.state !== "good" && !caller.may("read")) throw noToken();
    if (key === undefined)
      throw new Fault("missing", "reticulum/hash", "invalid hash: wanted 40 or 64 lower-case hex digits");
    if (parts.sizeText === "") throw new Fault("missing", "reticulum/size", "no size: wanted one such as 200w or full");
    const spec = parseSizeSpec(parts.sizeText);
    if (spec === undefined) {
      throw new Fault(
        "invalid",
        "reticulum/size",
        `Cannot read the size "${parts.sizeText.slice(0, 60)}": wanted full, 100s, 200w, 100h or 200w100h`,
      );
    }
    if (verdict.state === "wrong")
      throw new Fault("forbidden", "reticulum/signature", "Cannot show the image: the signature of its URL is wrong");
    if (verdict.state === "expired")
      throw new Fault("forbidden", "reticulum/expired", "Cannot show the image: the time of its URL is over");
    if (verdict.state === "none") this.#requireListed(spec);
    const expiresAt = verdict.state === "good" ? verdict.expiresAt : undefined;
    const parameters = new URLSearchParams(query);
    const normal = normalPath(parts, spec);
    if (normal !== undefined) {
      const ratio = parameters.get("dpr");
      const target = ratio === null ? normal : `${normal}?${new URLSearchParams({ dpr: ratio }).toString()}`;
      // The same image under its proper URL: who may see the one may see the other.
      const location = verdict.state === "good" ? signPath(target, rules.signingKeys, expiresAt) : target;
      return redirect(`${mountPath}${location}`, verdict.state === "good");
    }
    const pixelRatio = parsePixelRatio(parameters.get("dpr"));
    if (pixelRatio === undefined) {
      throw new Fault("invalid", "reticulum/dpr", "Cannot read dpr: wanted a number from 1 to 4, with one decimal");
    }
    // Ratios in between would make thirty sizes of each that is listed.
    if (rules.urls === "listed" && verdict.state === "none" && !Number.isInteger(pixelRatio)) {
      throw new Fault(
        "forbidden",
        "reticulum/unlisted",
        `Cannot show the image at ${pixelRatio} times a listed size: wanted dpr 1, 2, 3 or 4, or a signed URL`,
      );
    }
    const image = await reticulum.originals.meet(key, request.signal);
    const extension = extensionIn(parts.filename);
    const meant = image && this.#formatMeant(image, extension);
    if (image === undefined || meant === undefined)
      throw new Fault(
        "missing",
        "reticulum/not-found",
        "not found in the cluster: no such image, or not in this format",
      );
    const isPrivate = !rules.publicImages && verdict.state !== "good" && this.#parts.guarded();
    const keeping = { isPrivate, expiresAt };
    if (spec.kind === "full" && meant === image.format)
      return this.#original(request, image, parts.hash, extension, keeping);
    const varies = meant === image.format && spec.kind !== "full" && rules.negotiate.length > 0;
    const negotiated = varies ? formatAccepted(request.headers.get("accept"), rules.negotiate) : undefined;
    const format = negotiated ?? meant;
    const wish = { spec, format, pixelRatio };
    const name = reticulum.nameOf(image, wish);
    const asked = withQuotedTags(request);
    const keepFor = keepingHeaders(keeping, this.#parts.clock.now(), varies);
    // What has not changed need not be made to say so.
    const ifNoneMatch = asked.headers.get("if-none-match");
    const held =
      ifNoneMatch === null ? undefined : reticulum.etagsOf(name, format).find((etag) => ifNoneMatch.includes(etag));
    if (held !== undefined && !asked.headers.has("if-match"))
      return new Response(null, { status: 304, headers: { ...keepFor, ETag: held } });
    const address = ReadyAnswers.address(parts.hash, parts.sizeText, extension, pixelRatio, negotiated ?? "");
    const ready = this.#parts.ready.find(address);
    if (ready !== undefined) {
      this.#parts.metrics.served("ready");
      return partsOf(asked, ready, ready.bytes, keepFor);
    }
    const served = await reticulum.result(image, wish, request.signal);
    this.#parts.metrics.served(served.source);
    const kind = { contentType: mediaTypeOf(served.result.format), etag: served.etag };
    const bytes = served.bytes as Uint8Array<ArrayBuffer> | Blob;
    if (bytes instanceof Uint8Array) this.#parts.ready.keep(address, { ...kind, bytes, resultName: name, varies });
    return partsOf(asked, kind, bytes, keepFor);
  }

  /** The stored bytes as they are. */
  async #original(
    request: Request,
    image: KnownImage,
    hash: string,
    extension: string,
    keeping: Keeping,
  ): Promise<Response> {
    const { clock, metrics, ready, reticulum } = this.#parts;
    const etag = `"${hash}"`;
    const contentType = mediaTypeOf(image.format);
    metrics.served("original");
    return rangeResponse(withQuotedTags(request), {
      sizeBytes: image.sizeBytes,
      contentType,
      etag,
      headers: keepingHeaders(keeping, clock.now(), false),
      body: async (start, end) => {
        if (image.sizeBytes <= wholeBytesMax) {
          const bytes = (await reticulum.originals.bytes(image, request.signal)) as Uint8Array<ArrayBuffer>;
          ready.keep(ReadyAnswers.address(hash, "full", extension, 1, ""), {
            bytes,
            etag,
            contentType,
            resultName: undefined,
            varies: false,
          });
          return bytes.subarray(start, end);
        }
        return streamOf(await reticulum.originals.stream(image, start, end, request.signal));
      },
    });
  }

  /** The URL of an image at a size, below the mount path and in normal form; signed where the rules want that. */
  urlOf(
    hash: string,
    spec: SizeSpec,
    filename: string,
    options: { pixelRatio?: number; expiresAt?: number } = {},
  ): string {
    const { pixelRatio = 1, expiresAt } = options;
    const path = `${imagePath(hash, spec, filename)}${pixelRatio === 1 ? "" : `?dpr=${pixelRatio}`}`;
    const wantsSignature = expiresAt !== undefined || !this.isFree(spec);
    const { mountPath, rules } = this.#parts;
    return `${mountPath}${wantsSignature && rules.signingKeys.length > 0 ? signPath(path, rules.signingKeys, expiresAt) : path}`;
  }

  /** Whether everybody who may see an image may ask for that size. */
  isFree(spec: SizeSpec): boolean {
    const { sizes, urls } = this.#parts.rules;
    return urls === "open" || (urls === "listed" && sizes.has(formatSizeSpec(spec)));
  }

  #requireListed(spec: SizeSpec): void {
    if (this.isFree(spec)) return;
    throw this.#parts.rules.urls === "signed"
      ? new Fault("forbidden", "reticulum/unsigned", "Cannot show the image: wanted a signed URL")
      : new Fault(
          "forbidden",
          "reticulum/unlisted",
          `Cannot show the image as ${formatSizeSpec(spec)}: that is none of the listed sizes, and the URL is not signed`,
        );
  }

  /** The format that an extension means for an image, or undefined when there is nothing under it. */
  #formatMeant(image: KnownImage, extension: string): ImageFormat | undefined {
    if (extension === extensionOf[image.format]) return image.format;
    const named = formatNamed(extension);
    if (named === undefined) return undefined;
    if (this.#parts.reticulum.notes.isServedAs(image.key, extension)) return image.format;
    return this.#parts.rules.convert ? named : undefined;
  }
}

/** As much of an image as was asked for. */
function partsOf(
  asked: { method: string; headers: Headers },
  { contentType, etag }: { contentType: string; etag: string },
  bytes: Uint8Array<ArrayBuffer> | Blob,
  headers: Record<string, string>,
): Promise<Response> {
  const sizeBytes = bytes instanceof Blob ? bytes.size : bytes.byteLength;
  const body = (start: number, end: number) => {
    if (start === 0 && end === sizeBytes) return bytes;
    return bytes instanceof Blob ? bytes.slice(start, end) : bytes.subarray(start, end);
  };
  return rangeResponse(asked, { sizeBytes, contentType, etag, headers, body });
}

function noToken(): Fault {
  return new Fault(
    "unauthorized",
    "reticulum/token-missing",
    "Cannot show the image: wanted a token with the scope read, or a signed URL",
  );
}

/** To another URL for good; one that is signed is not to be kept. */
export function redirect(location: string, isSigned: boolean): Response {
  return new Response(null, {
    status: 301,
    headers: {
      Location: location,
      // A signature may expire, and a redirect that is kept for ever would lead to a refusal.
      "Cache-Control": isSigned ? "no-store" : "public, max-age=31536000",
      "X-Content-Type-Options": "nosniff",
    },
  });
}

/** The request's method and headers, with entity tags that were sent bare, as clients of the predecessor do, in quotes. */
function withQuotedTags(request: Request): { method: string; headers: Headers } {
  const { headers, method } = request;
  const given = headers.get("if-none-match");
  if (given === null || !/(?:^|,)\s*[\w-]+\s*(?:,|$)/.test(given)) return { method, headers };
  const quoted = given.split(",").map((tag) => tag.trim().replace(/^[\w-]+$/, '"$&"'));
  const copy = new Headers(headers);
  copy.set("if-none-match", quoted.join(", "));
  return { method, headers: copy };
}
