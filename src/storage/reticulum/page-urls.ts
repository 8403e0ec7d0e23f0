/**
 * The URLs of pictures on pages. What everybody may ask for stands as it is; where a signature is wanted, a page signs what
 * it shows for a short while, and what is to be copied for ever, but only for those who could have it signed anyway.
 */
import { formatSizeSpec, parseSizeSpec, type SizeSpec } from "../../lib/resize/size-spec.ts";
import { imagePath } from "./image-url.ts";
import { signPath } from "./signing.ts";

/** What decides about URLs. */
export interface PageUrlRules {
  readonly urls: "open" | "listed" | "signed";
  readonly sizes: ReadonlySet<string>;
  readonly signingKeys: readonly string[];
}

/** One URL that is wanted. */
export interface PageUrl {
  hash: string;
  spec: SizeSpec;
  filename: string;
  pixelRatio?: number;
  /** Anything that tells one state of an image from another, to get past caches. */
  version?: string;
}

/** Signatures of pages hold for one to two of these; URLs within one are the same, so that a browser's cache is of use. */
const pageTimeMs = 3_600_000;

/** Makes the URLs for the pages of a mount. */
export class PageUrls {
  readonly #rules: PageUrlRules;
  readonly #mountPath: string;

  constructor(rules: PageUrlRules, mountPath: string) {
    this.#rules = rules;
    this.#mountPath = mountPath;
  }

  /** Whether everybody may ask for that size. */
  isFree(spec: SizeSpec): boolean {
    const { sizes, urls } = this.#rules;
    return urls === "open" || (urls === "listed" && sizes.has(formatSizeSpec(spec)));
  }

  /** Whether a page can show that size at all. */
  canShow(spec: SizeSpec): boolean {
    return this.isFree(spec) || this.#rules.signingKeys.length > 0;
  }

  /** The sizes that are listed, as specs; none where sizes are free. */
  listed(): readonly SizeSpec[] {
    if (this.#rules.urls !== "listed") return [];
    return [...this.#rules.sizes].flatMap((size) => parseSizeSpec(size) ?? []);
  }

  /** For a picture on a page that is looked at now. */
  shown(wanted: PageUrl, now: number): string {
    return this.#url(wanted, (Math.ceil(now / pageTimeMs) + 1) * pageTimeMs);
  }

  /** To be copied into a page that stays. */
  lasting(wanted: PageUrl): string {
    return this.#url(wanted, undefined);
  }

  #url({ filename, hash, pixelRatio = 1, spec, version }: PageUrl, expiresAt: number | undefined): string {
    const query = new URLSearchParams();
    if (pixelRatio !== 1) query.set("dpr", String(pixelRatio));
    if (version !== undefined) query.set("v", version);
    const path = `${imagePath(hash, spec, filename)}${query.size === 0 ? "" : `?${query.toString()}`}`;
    const { signingKeys } = this.#rules;
    const isPlain = this.isFree(spec) || signingKeys.length === 0;
    return `${this.#mountPath}${isPlain ? path : signPath(path, signingKeys, expiresAt)}`;
  }
}
