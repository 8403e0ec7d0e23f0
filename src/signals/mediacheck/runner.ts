/**
 * When runs happen: each site at its interval, and whatever somebody asks for, in order, with a bound on how much waits.
 * Sites that are due and what was asked for go in two lanes, so that neither waits for the other. Nothing is run twice at
 * once: who asks for a site that waits already gets that run.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { below, type Random } from "../../kit/random.ts";
import { startWorker, type Worker } from "../../kit/worker.ts";
import { checkSite, type CrawlParts, type Starts } from "./crawl.ts";
import { shownUrl } from "./reference.ts";
import type { SiteReport } from "./report.ts";
import type { Cause, KeptRun, RunStore } from "./run-store.ts";
import type { CheckSettings } from "./settings.ts";
import type { Site } from "./site.ts";

/** A site as it stands. */
export interface SiteView {
  site: Site;
  last: KeptRun | undefined;
  isRunning: boolean;
  /** Epoch ms; undefined for one that is only checked when asked. */
  nextAt: number | undefined;
}

/** What a runner stands on. */
export interface RunnerParts extends Pick<CrawlParts, "resolve" | "fetch"> {
  clock: Clock;
  log: Logger;
  random: Random;
  store: RunStore;
  sites: readonly Site[];
  /** For what somebody asks by address. */
  onceSettings: CheckSettings;
  /** A run is over. `before` is the one of the same site before it. */
  finished(run: KeptRun, report: SiteReport, before: KeptRun | undefined): void;
}

interface Job {
  id: number;
  site: string | undefined;
  starts: Starts;
  settings: CheckSettings;
}

const waitingMax = 20;
const idleMs = 3_600_000;
/** An interval may be so much longer by chance. */
const chanceShare = 0.05;

function longestMs(intervalMs: number): number {
  return intervalMs * (1 + chanceShare) + 1;
}

/** The runs of a service. */
export class Runner {
  readonly #parts: RunnerParts;
  readonly #sites: ReadonlyMap<string, Site>;
  readonly #dueAt = new Map<string, number>();
  readonly #asked: Job[] = [];
  readonly #running = new Map<number, Job>();
  readonly #awaited = new Map<number, Set<(report: SiteReport | undefined) => void>>();
  readonly workers: readonly Worker[];

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    const { clock, log, random, sites, store } = parts;
    this.#sites = new Map(sites.map((site) => [site.name, site]));
    for (const site of sites) {
      if (site.intervalMs === undefined) continue;
      const lastAt = store.last(site.name)?.askedAt;
      // Not all at once after a start, and not long until the first look.
      const soonAt = clock.now() + below(random, Math.min(site.intervalMs, 10_000));
      const nextAt = lastAt === undefined ? soonAt : Math.max(soonAt, lastAt + site.intervalMs);
      this.#dueAt.set(site.name, nextAt - clock.now() > longestMs(site.intervalMs) ? soonAt : nextAt);
    }
    this.workers = [
      startWorker(
        { name: "sites", summary: "Checks the sites whose time has come", step: (signal) => this.#stepDue(signal) },
        { clock, log },
      ),
      startWorker(
        { name: "asked", summary: "Checks what somebody asked for", step: (signal) => this.#stepAsked(signal) },
        { clock, log },
      ),
    ];
  }

  views(): SiteView[] {
    return [...this.#sites.values()].map((site) => ({
      site,
      last: this.#parts.store.last(site.name),
      isRunning: [...this.#running.values()].some((job) => job.site === site.name),
      nextAt: this.#dueAt.get(site.name),
    }));
  }

  find(name: string): SiteView | undefined {
    return this.views().find(({ site }) => site.name === name);
  }

  isRunning(id: number): boolean {
    return this.#running.has(id);
  }

  /** Asks for a check of a site; the number of the run. Faults: `mediacheck/no-site`, `mediacheck/busy`. */
  ask(name: string, cause: Cause, deploy?: string): number {
    const site = this.#sites.get(name);
    if (!site)
      throw new Fault("missing", "mediacheck/no-site", `Cannot check "${name.slice(0, 100)}": no site has that name`);
    const waiting = deploy === undefined ? this.#asked.find((job) => job.site === name) : undefined;
    return waiting?.id ?? this.#enqueue(site, cause, deploy);
  }

  /** Asks for a check of any page. Faults: `mediacheck/busy`. */
  askOnce(url: string): number {
    this.#refuseMore();
    return this.#push({ pages: [url], sitemaps: [] }, this.#parts.onceSettings, {
      site: undefined,
      cause: "asked",
      deploy: undefined,
    });
  }

  /** Resolves with what comes of a run; undefined when it will not be, or nobody waits for it any more. */
  outcome(id: number, signal: AbortSignal): Promise<SiteReport | undefined> {
    return new Promise((resolve) => {
      const waiting = this.#awaited.get(id) ?? new Set();
      this.#awaited.set(id, waiting);
      const done = (report: SiteReport | undefined) => {
        waiting.delete(done);
        signal.removeEventListener("abort", leave);
        resolve(report);
      };
      const leave = () => done(undefined);
      if (signal.aborted) return leave();
      signal.addEventListener("abort", leave, { once: true });
      waiting.add(done);
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
    for (const waiting of this.#awaited.values()) for (const done of waiting) done(undefined);
  }

  #refuseMore(): void {
    if (this.#asked.length < waitingMax) return;
    throw new Fault("limited", "mediacheck/busy", `Cannot check now: ${waitingMax} checks wait already`, {
      retryAfterMs: 30_000,
    });
  }

  #enqueue(site: Site, cause: Cause, deploy: string | undefined): number {
    this.#refuseMore();
    return this.#push(site, site.settings, { site: site.name, cause, deploy });
  }

  #push(
    { pages, sitemaps }: Starts,
    settings: CheckSettings,
    about: { site: string | undefined; cause: Cause; deploy: string | undefined },
  ): number {
    const target = shownUrl(pages[0] ?? sitemaps[0] ?? "");
    const id = this.#parts.store.enter({ ...about, target, askedAt: this.#parts.clock.now() });
    this.#asked.push({ id, site: about.site, starts: { pages, sitemaps }, settings });
    this.workers[1]?.wake();
    return id;
  }

  async #stepAsked(signal: AbortSignal) {
    const job = this.#asked.shift();
    if (job) await this.#run(job, signal);
    return { waitMs: this.#asked.length > 0 ? 0 : idleMs };
  }

  async #stepDue(signal: AbortSignal) {
    const { clock, random, store } = this.#parts;
    const [name, dueAt] = [...this.#dueAt].toSorted(([, one], [, other]) => one - other)[0] ?? [];
    const site = name === undefined ? undefined : this.#sites.get(name);
    if (site?.intervalMs === undefined || dueAt === undefined) return { waitMs: idleMs };
    const leftMs = dueAt - clock.now();
    // What lies further ahead than any interval comes of a clock that was set back.
    if (leftMs > 0 && leftMs <= longestMs(site.intervalMs)) return { waitMs: Math.min(leftMs, idleMs) };
    this.#dueAt.set(site.name, clock.now() + site.intervalMs + below(random, Math.ceil(site.intervalMs * chanceShare)));
    const { pages, settings, sitemaps } = site;
    const about = {
      site: site.name,
      target: shownUrl(pages[0] ?? sitemaps[0] ?? ""),
      cause: "interval",
      deploy: undefined,
    } as const;
    const id = store.enter({ ...about, askedAt: clock.now() });
    await this.#run({ id, site: site.name, starts: { pages, sitemaps }, settings }, signal);
    return { waitMs: 1 };
  }

  async #run(job: Job, signal: AbortSignal): Promise<void> {
    const { clock, fetch, finished, resolve, store } = this.#parts;
    const before = job.site === undefined ? undefined : store.last(job.site);
    this.#running.set(job.id, job);
    let report: SiteReport | undefined;
    try {
      const parts = { clock, settings: job.settings, ...(fetch ? { fetch } : {}), ...(resolve ? { resolve } : {}) };
      const made = await checkSite(job.starts, parts, signal);
      // One that was cut off says nothing about the site.
      if (!signal.aborted) {
        store.finish(job.id, made);
        report = made;
      }
    } finally {
      if (!report) store.drop(job.id);
      this.#running.delete(job.id);
      for (const done of this.#awaited.get(job.id) ?? []) done(report);
      this.#awaited.delete(job.id);
    }
    const run = store.find(job.id);
    if (run && report) finished(run, report, before);
  }
}
