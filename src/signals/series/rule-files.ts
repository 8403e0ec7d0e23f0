/**
 * Background work: Graphite's files about series (storage-schemas, storage-aggregation, rules, lists) are looked at every
 * few seconds and read again when one of them changed. A file that cannot be read any more changes nothing: what was read
 * before stays in force, and a finding says so. Also tells what aggregation rules have made.
 */
import { readFile, stat } from "node:fs/promises";

import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Finding } from "../../kit/service.ts";
import { fileMark } from "../../kit/watched-file.ts";
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import type { Incoming, Rules } from "./incoming.ts";
import { Aggregating } from "./rules/aggregating.ts";
import { NameList } from "./rules/name-list.ts";
import { Rewriting } from "./rules/rewriting.ts";
import { defaultAggregation, defaultSchemas, Schemas } from "./schemas.ts";

/** The paths that are configured. */
export interface RulePaths {
  schemas: string | undefined;
  aggregation: string | undefined;
  aggregationRules: string | undefined;
  rewriteRules: string | undefined;
  whitelist: string | undefined;
  blacklist: string | undefined;
}

/** What the files say. */
export interface ReadRules {
  schemas: Schemas;
  rules: Rules;
}

const lookEveryMs = 5000;
const tellEveryMs = 1000;
const fileMaxBytes = 8 << 20;

/** Reads all files. Fault `series/schemas` for one that cannot be read, with its line. */
export async function readRules(paths: RulePaths): Promise<ReadRules> {
  try {
    const text = async (setting: keyof RulePaths) => {
      const path = paths[setting];
      if (path === undefined) return undefined;
      try {
        const found = await stat(path);
        if (!found.isFile()) throw new TypeError("it is no file");
        if (found.size > fileMaxBytes) throw new RangeError(`it is longer than ${fileMaxBytes} bytes`);
        return await readFile(path, "utf8");
      } catch (thrown) {
        const name = setting.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
        throw new Error(`Cannot read ${name} = "${path}" of [series]: ${reasonOf(thrown)}`, { cause: thrown });
      }
    };
    const { whitelist, blacklist, rewriteRules, aggregationRules } = paths;
    const white = await text("whitelist");
    const black = await text("blacklist");
    const rewrite = await text("rewriteRules");
    const aggregate = await text("aggregationRules");
    return {
      schemas: new Schemas(
        (await text("schemas")) ?? defaultSchemas,
        (await text("aggregation")) ?? defaultAggregation,
      ),
      rules: {
        ...(white === undefined ? {} : { whitelist: new NameList(white, whitelist ?? "") }),
        ...(black === undefined ? {} : { blacklist: new NameList(black, blacklist ?? "") }),
        ...(rewrite === undefined ? {} : { rewriting: new Rewriting(rewrite, rewriteRules ?? "") }),
        ...(aggregate === undefined ? {} : { aggregating: new Aggregating(aggregate, aggregationRules ?? "") }),
      },
    };
  } catch (thrown) {
    const sentence = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Fault("invalid", "series/schemas", sentence, { cause: thrown });
  }
}

/** Looks after the files. */
export class RuleFiles implements Work {
  readonly name = "files";
  readonly summary = "Graphite's files of schemas and rules are read again when they change";
  readonly #paths: RulePaths;
  readonly #clock: Clock;
  readonly #incoming: Incoming;
  readonly #reschema: (schemas: Schemas) => number;
  readonly #hasRules: boolean;
  #states = "";
  #lookedAtMs = -Infinity;
  #readAt = 0;
  #changed = 0;
  #failure = "";

  constructor(paths: RulePaths, parts: { clock: Clock; incoming: Incoming; reschema(schemas: Schemas): number }) {
    this.#paths = paths;
    this.#clock = parts.clock;
    this.#incoming = parts.incoming;
    this.#reschema = (schemas) => parts.reschema(schemas);
    this.#hasRules = paths.aggregationRules !== undefined;
  }

  /** Why a file cannot be read, or nothing. */
  findings(): Finding[] {
    if (this.#failure === "") return [];
    return [
      {
        name: "series files of rules",
        state: "degraded",
        sentence: `What was read before stays in force, because a file changed and cannot be read now: ${this.#failure}`,
      },
    ];
  }

  progress(): Record<string, string | number> {
    return this.#readAt === 0 ? {} : { "series changed": this.#changed };
  }

  async step(): Promise<WorkOutcome> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lookedAtMs >= lookEveryMs) {
      this.#lookedAtMs = nowMs;
      const states = await this.#look();
      if (this.#states === "") this.#states = states;
      else if (states !== this.#states || this.#failure !== "") {
        // One that could not be read may be readable now without looking different.
        this.#states = states;
        await this.readAgain().catch(() => undefined);
      }
    }
    if (!this.#hasRules) return { waitMs: lookEveryMs };
    this.#incoming.tell(Math.floor(this.#clock.now() / 1000));
    return { waitMs: tellEveryMs };
  }

  /** Reads all files now, whether they changed or not. Returns how many series are kept in another way. Faults as {@link readRules}. */
  async readAgain(): Promise<number> {
    try {
      const { schemas, rules } = await readRules(this.#paths);
      this.#incoming.use(rules);
      this.#changed = this.#reschema(schemas);
      this.#readAt = this.#clock.now();
      this.#failure = "";
      return this.#changed;
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.#failure = thrown.message;
      throw thrown;
    }
  }

  async #look(): Promise<string> {
    const states = await Promise.all(
      Object.values(this.#paths).map(async (path: string | undefined) => {
        if (path === undefined) return "-";
        const found = await stat(path).catch(() => undefined);
        return found ? fileMark(found) : "gone";
      }),
    );
    return states.join("\n");
  }
}
