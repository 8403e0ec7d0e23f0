/**
 * One run: reads sitemaps and pages, asks for everything they mention and everything that in turn mentions (styles,
 * modules, manifests, frames), each address once, and gives a report. Ends within its time, whatever the other side does;
 * what was not answered until then is held against it. Never throws for what a site says.
 */
import type { Clock } from "../../kit/clock.ts";
import { formatSpan } from "../../kit/pages/quantity.ts";
import { typeOf } from "./content-kind.ts";
import { styleReferences } from "./css-references.ts";
import { Fragments } from "./fragments.ts";
import { type PageParts, inlineStyleReferences, pageParts, readLink } from "./html-references.ts";
import { type ImportMap, mergeImportMaps } from "./import-map.ts";
import { type Asker, refusal, troublesOf } from "./judge.ts";
import { Intake } from "./intake.ts";
import type { LedgerEntry } from "./ledger.ts";
import { parseLinkHeader } from "./link-header.ts";
import { type Loaded, Loader, type LoaderParts, type LoadOutcome } from "./loader.ts";
import { manifestReferences } from "./manifest-references.ts";
import { scriptReferences } from "./module-references.ts";
import { Policies } from "./policy.ts";
import { type Reference, type ResourceKind, resolve, shownUrl, withoutFragment } from "./reference.ts";
import { countsOf, type ResourceReport, type SiteReport, worstFirst } from "./report.ts";
import type { CheckSettings } from "./settings.ts";
import { SharedLoads } from "./shared-loads.ts";
import { parseSitemap } from "./sitemap.ts";
import { decodeText } from "./text-decoding.ts";

/** Where a run begins. */
export interface Starts {
  pages: readonly string[];
  sitemaps: readonly string[];
}

/** What a run stands on. */
export interface CrawlParts extends Pick<LoaderParts, "resolve" | "fetch"> {
  clock: Clock;
  settings: CheckSettings;
  /** Told about each address when it is asked for, and when its answer is there or will not come. */
  asking?(url: string): void;
  answered?(url: string): void;
  /** A page was read and asks for so many things. */
  read?(url: string, references: number): void;
}

/** A document of which references are read: a page, or one within another. */
interface Document extends Asker {
  map: ImportMap;
  /** What it is called in the report: the page that people see. */
  page: string;
  /** How many documents it lies within. */
  within: number;
}

const readMaxBytes = 8 * 1024 * 1024;
const styleDepthMax = 10;
const moduleDepthMax = 50;
const withinMax = 3;
const sitemapDepthMax = 3;
/** Checks everything that is reached from `starts`. */
export async function checkSite(starts: Starts, parts: CrawlParts, signal: AbortSignal): Promise<SiteReport> {
  const { clock, settings } = parts;
  const startedAt = clock.now();
  const startedMs = clock.monotonicMs();
  const ending = new AbortController();
  const late = new Error(`Not answered when the ${formatSpan(settings.totalMs)} for everything were over`);
  const cancel = clock.schedule(settings.totalMs, () => ending.abort(late));
  const leave = () => ending.abort(new Error("Not answered when the run was ended"));
  if (signal.aborted) leave();
  signal.addEventListener("abort", leave, { once: true });
  const crawl = new Crawl(parts, ending.signal);
  try {
    await crawl.run(starts);
  } finally {
    cancel();
    signal.removeEventListener("abort", leave);
    ending.abort(late);
  }
  const resources = worstFirst(crawl.resources());
  const counts = countsOf(resources, crawl.requests);
  return {
    startedAt,
    elapsedMs: Math.round(clock.monotonicMs() - startedMs),
    isGood: counts.bad === 0,
    counts,
    limits: crawl.limits(),
    resources,
  };
}

class Crawl {
  readonly #parts: CrawlParts;
  readonly #signal: AbortSignal;
  readonly #loader: Loader;
  readonly #loads: SharedLoads;
  readonly #intake: Intake;
  readonly #fragments: Fragments;
  readonly #running = new Set<Promise<void>>();

  constructor(parts: CrawlParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
    this.#loader = new Loader(parts);
    const { answered, asking, settings } = parts;
    this.#loads = new SharedLoads({ loader: this.#loader, signal, maxBytes: settings.maxBytes, asking, answered });
    this.#intake = new Intake(settings, () => this.#loads.keptBytes);
    this.#fragments = new Fragments(settings.maxResources);
  }

  get requests(): number {
    return this.#loader.requests;
  }

  limits(): string[] {
    return this.#intake.limits();
  }

  resources(): ResourceReport[] {
    return this.#intake.ledger.reports();
  }

  async run({ pages, sitemaps }: Starts): Promise<void> {
    for (const url of pages) this.#visit(url, 0, "asked for");
    for (const url of sitemaps) this.#begin(this.#sitemap(url, 0));
    while (this.#running.size > 0) await Promise.all(this.#running);
    const reason: unknown = this.#signal.reason;
    this.#intake.ledger.close(reason instanceof Error ? reason.message : "Not answered");
    if (this.#parts.settings.fragments) this.#checkFragments();
  }

  #begin(work: Promise<void>): void {
    const running = work
      .catch((thrown: unknown) => {
        // Whoever was waiting when the time was over is told of at the end.
        if (!this.#signal.aborted) throw thrown;
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #sitemap(url: string, depth: number): Promise<void> {
    const { settings } = this.#parts;
    const entry = this.#intake.enter(url, { page: url, how: depth === 0 ? "sitemap" : "sitemap index", kind: "fetch" });
    if (!entry || !this.#intake.once(`sitemap ${url}`)) return;
    entry.open++;
    const outcome = await this.#loads.load(url, { kind: "fetch", url, how: "" }, undefined);
    entry.open--;
    const asker = { url, policies: new Policies([], url) };
    const answer = this.#judge(entry, outcome, { kind: "page", url, how: "" }, asker);
    if (!answer) return;
    const map = parseSitemap(answer.body, settings.maxBytes);
    if (map.trouble !== undefined) entry.hold({ isHard: true, sentence: `It is not wholly read: ${map.trouble}` });
    if (map.pages.length + map.sitemaps.length === 0) entry.hold({ isHard: false, sentence: "It names no pages" });
    for (const page of map.pages) {
      const target = resolve(page, url);
      if (target !== undefined && /^https?:/.test(target)) this.#visit(withoutFragment(target), 0, "sitemap", url);
    }
    if (depth >= sitemapDepthMax) return;
    for (const further of map.sitemaps) {
      const target = resolve(further, url);
      if (target !== undefined && /^https?:/.test(target))
        this.#begin(this.#sitemap(withoutFragment(target), depth + 1));
    }
  }

  #visit(url: string, depth: number, how: string, from = url): void {
    if (!this.#intake.takePage(url)) return;
    const entry = this.#intake.enter(url, { page: from, how, kind: "page" });
    if (entry) this.#begin(this.#page(url, depth, entry));
  }

  async #page(url: string, depth: number, entry: LedgerEntry): Promise<void> {
    entry.open++;
    const reference: Reference = { url, kind: "page", how: "" };
    const outcome = await this.#loads.load(url, reference, undefined);
    entry.open--;
    const asker = { url: withoutFragment(outcome.answer?.hops[0] ?? url), policies: new Policies([], url) };
    const answer = this.#judge(entry, outcome, reference, asker);
    if (answer && answer.status >= 200 && answer.status < 300) this.#readPage(answer, entry, url, depth, 0);
  }

  /** Reads a page, or a document within one, and asks for what it mentions. */
  #readPage(answer: Loaded, entry: LedgerEntry, page: string, depth: number, within: number): void {
    const type = typeOf(answer.headers);
    if (type !== "" && type !== "text/html" && type !== "application/xhtml+xml") return;
    if (answer.body.length > readMaxBytes) {
      // Of a page that was asked for nothing would be checked, and all would look well.
      entry.hold({ isHard: within === 0, sentence: "It is too long to be looked through" });
      return;
    }
    const html = decodeText(answer.body, answer.headers);
    const header = answer.headers.get("content-security-policy");
    const { document, read } = this.#document(html, answer.url, header === null ? [] : [header], entry, page, within);
    this.#links(answer, document);
    if (within === 0) {
      this.#fragments.read([page, answer.url], read.names);
      this.#followAnchors(read, answer.url, page, depth);
    }
  }

  /** The document that `html` makes, whose references are asked for. */
  #document(
    html: string,
    url: string,
    policyTexts: readonly string[],
    entry: LedgerEntry,
    page: string,
    within: number,
    outer?: Document,
  ): { document: Document; read: PageParts } {
    const headerPolicies = new Policies(policyTexts, url);
    const { metaImages } = this.#parts.settings;
    const read = pageParts(html, url, { metaImages, mayBase: (base) => headerPolicies.mayBase(base) });
    if (read.trouble !== undefined) entry.hold({ isHard: true, sentence: `It is not wholly read: ${read.trouble}` });
    const texts = [...policyTexts, ...read.policies];
    const policies = new Policies(texts, url);
    const map = outer ? mergeImportMaps(read.importMap, outer.map) : read.importMap;
    const document: Document = { url, policies, map, page, within };
    const references = [...read.references];
    for (const piece of read.inline) {
      const directive = policies.forbidsInline(piece.kind, piece.text, piece.nonce);
      if (directive !== undefined) {
        const what =
          piece.kind === "style" ? "style sheet in the page is not applied" : "script in the page is not run";
        entry.hold({ isHard: false, sentence: `A ${what}: its Content-Security-Policy (${directive}) forbids it` });
      } else if (piece.kind === "style") {
        for (const reference of inlineStyleReferences(piece, read.baseUrl)) references.push(reference);
      } else
        this.#begin(this.#script(piece.text, read.baseUrl, piece.kind === "module", document, entry, piece.nonce, 0));
    }
    const { count, references: ofAttributes } = read.styleAttributes;
    const directive = count === 0 ? undefined : policies.forbidsAttributes();
    if (directive !== undefined) {
      entry.hold({
        isHard: false,
        sentence: `Style attributes do not count: the page's Content-Security-Policy (${directive}) forbids them`,
      });
    }
    if (directive === undefined) for (const reference of ofAttributes) references.push(reference);
    if (read.refresh !== undefined && within === 0) {
      references.push({ url: read.refresh, kind: "page", how: "meta refresh" });
    }
    this.#parts.read?.(page, references.length);
    for (const reference of references) this.#use(reference, document, 0);
    if (within < withinMax) {
      // What is written out within the page stands under its policies and begins where it begins.
      for (const inner of read.documents) {
        this.#document(inner, read.baseUrl, texts, entry, page, within + 1, document);
      }
    }
    return { document, read };
  }

  /** What the answer's own header names. */
  #links(answer: Loaded, document: Document): void {
    for (const { url: written, parameters } of parseLinkHeader(answer.headers.get("link") ?? "")) {
      const of = (name: string) => (name === "href" ? written : parameters.get(name));
      const add = (text: string | undefined, kind: ResourceKind, how: string) => {
        const url = text === undefined ? undefined : resolve(text, answer.url);
        if (url === undefined) return;
        const cors = parameters.has("crossorigin") ? { cors: true } : {};
        this.#use({ url, kind, how: `header ${how}`, ...cors }, document, 0);
      };
      readLink(of, add, () => undefined);
    }
  }

  #followAnchors(read: PageParts, url: string, page: string, depth: number): void {
    const { depth: wanted } = this.#parts.settings;
    const own = URL.parse(url)?.origin;
    for (const anchor of read.anchors) {
      this.#fragments.link({ page, url: anchor.url, fragment: anchor.fragment });
      if (depth < wanted && URL.parse(anchor.url)?.origin === own) this.#visit(anchor.url, depth + 1, "a href", page);
    }
  }

  #checkFragments(): void {
    for (const { page, url, fragment } of this.#fragments.dead()) {
      this.#intake.ledger.find(page)?.hold({
        isHard: true,
        sentence: `It links to ${shownUrl(url).slice(0, 200)}#${fragment.slice(0, 100)}, and nothing there has that name`,
      });
    }
  }

  /** A mention: asks for it and for what it mentions in turn. */
  #use(reference: Reference, document: Document, depth: number, via?: string): void {
    const upgraded = document.policies.upgrades && reference.url.startsWith("http:");
    const asked = upgraded ? { ...reference, url: reference.url.replace(/^http:/, "https:") } : reference;
    const url = withoutFragment(asked.url);
    const key = [document.url, asked.url, asked.kind, asked.integrity, asked.cors, asked.nonce, asked.importType].join(
      " ",
    );
    if (!this.#intake.once(key)) return;
    const { how, kind } = asked;
    const entry = this.#intake.enter(url, { page: document.page, how, kind, ...(via === undefined ? {} : { via }) });
    if (!entry) return;
    const refused = refusal(asked, document);
    if (refused) {
      entry.hold(refused);
      return;
    }
    entry.open++;
    this.#begin(this.#fetch(asked, url, entry, document, depth, via));
  }

  async #fetch(
    reference: Reference,
    url: string,
    entry: LedgerEntry,
    document: Document,
    depth: number,
    via: string | undefined,
  ): Promise<void> {
    const outcome = await this.#loads.load(url, reference, via ?? document.url, document.url);
    entry.open--;
    const answer = this.#judge(entry, outcome, reference, document);
    if (answer) await this.#descend(answer, reference, entry, document, depth);
  }

  /** What an answer mentions. */
  async #descend(
    answer: Loaded,
    reference: Reference,
    entry: LedgerEntry,
    document: Document,
    depth: number,
  ): Promise<void> {
    const { kind } = reference;
    if (answer.status < 200 || answer.status >= 300 || answer.isCut) return;
    if (kind === "frame" || kind === "object") {
      if (document.within < withinMax && this.#intake.once(`within ${answer.url}`)) {
        this.#readPage(answer, entry, document.page, 0, document.within + 1);
      }
      return;
    }
    if (!["style", "script", "module", "manifest"].includes(kind)) {
      const fragment = kind === "image" && reference.how === "svg use" ? URL.parse(reference.url)?.hash.slice(1) : "";
      if (fragment !== "" && fragment !== undefined) requireName(answer, fragment, entry);
      return;
    }
    if (answer.body.length > readMaxBytes) {
      entry.hold({ isHard: false, sentence: "It is too long to be looked through" });
      return;
    }
    const text = decodeText(answer.body, answer.headers);
    if (kind === "style") {
      const isDeep = depth >= styleDepthMax;
      const { references, isCut } = styleReferences(text, answer.url);
      if (isCut) this.#intake.limit(`${shownUrl(answer.url).slice(0, 200)} asks for more things than are looked at`);
      for (const inner of references) {
        if (inner.kind !== "style" || !isDeep) this.#use(inner, document, depth + 1, answer.url);
        else
          this.#intake.limit(
            `Style sheets import each other more than ${styleDepthMax} deep; the others were not looked at`,
          );
      }
    } else if (kind === "manifest") {
      const references = manifestReferences(text, answer.url);
      if (!references) entry.hold({ isHard: true, sentence: "It is no manifest: its text is not JSON" });
      for (const inner of references ?? []) this.#use(inner, document, depth + 1, answer.url);
    } else if (reference.importType === undefined) {
      await this.#script(text, answer.url, kind === "module", document, entry, reference.nonce, depth);
    }
  }

  async #script(
    text: string,
    from: string,
    isModule: boolean,
    document: Document,
    entry: LedgerEntry,
    nonce: string | undefined,
    depth: number,
  ): Promise<void> {
    const { references, trouble, unknown } = await scriptReferences(text, from, { isModule, map: document.map });
    if (trouble !== undefined) entry.hold({ isHard: false, sentence: `A module is not wholly read: ${trouble}` });
    for (const name of unknown.slice(0, 5)) {
      entry.hold({
        isHard: true,
        sentence: `It imports "${name.slice(0, 100)}", which is no address, and no import map names it`,
      });
    }
    if (depth >= moduleDepthMax && references.length > 0) {
      this.#intake.limit(`Modules import each other more than ${moduleDepthMax} deep; the others were not looked at`);
      return;
    }
    const via = withoutFragment(from) === document.url ? undefined : from;
    for (const inner of references) {
      this.#use(nonce === undefined ? inner : { ...inner, nonce }, document, depth + 1, via);
    }
  }

  #judge(entry: LedgerEntry, outcome: LoadOutcome, reference: Reference, asker: Asker): Loaded | undefined {
    entry.answered(outcome);
    if (!outcome.answer) {
      entry.hold({ isHard: true, sentence: outcome.failure.sentence });
      return undefined;
    }
    const { isSkipped, troubles } = troublesOf(outcome.answer, reference, asker, this.#parts.settings);
    if (isSkipped) entry.skip();
    for (const trouble of troubles) entry.hold(trouble);
    return isSkipped ? undefined : outcome.answer;
  }
}

function requireName(answer: Loaded, fragment: string, entry: LedgerEntry): void {
  // Only the beginning is kept of pictures; a name that is not in it may stand later.
  const text = new TextDecoder().decode(answer.body);
  if (!text.includes("</svg>") || text.includes(`id="${fragment}"`) || text.includes(`id='${fragment}'`)) return;
  entry.hold({ isHard: false, sentence: `Nothing in it is named "${fragment.slice(0, 100)}"` });
}
