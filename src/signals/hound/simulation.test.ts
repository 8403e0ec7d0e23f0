/**
 * Weeks of rules from seeds: values that come and go, sources that fall silent, people who acknowledge and silence, a
 * program that dies between rounds. What was told is held against rules of telling that are written here once more.
 */
import { expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { below, pick, type Random, seededRandom } from "../../kit/random.ts";
import type { Notice } from "./notice.ts";
import { pauseAfterMs } from "./repeat.ts";
import type { RuleStanding } from "./standing.ts";
import { fakeSource, type Said } from "./testing/fake-source.ts";
import { HoundTest } from "./testing/test-hound.ts";
import type { WeekWindow } from "./week-window.ts";

const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;
const throttle = 3;

const night: WeekWindow = {
  kind: "weekly",
  days: [0, 1, 2, 3, 4, 5, 6],
  fromMinute: 22 * 60,
  untilMinute: 7 * 60,
  zone: "UTC",
};

/** What each target is worth, and whether the source is there, changing by chance as minutes pass. */
class World {
  readonly #random: Random;
  readonly #values = new Map<string, { said: Said; left: number }>();
  isAway = false;
  #awayLeft = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  step(targets: readonly string[], minutes: number): void {
    const random = this.#random;
    this.#awayLeft -= minutes;
    if (this.#awayLeft <= 0) {
      this.isAway = random() < 0.02;
      this.#awayLeft = this.isAway ? below(random, 120) : below(random, 2000);
    }
    for (const target of targets) {
      const value = this.#values.get(target) ?? { said: 0, left: 0 };
      value.left -= minutes;
      if (value.left <= 0) {
        const error = new Fault("invalid", "x/y", "no");
        value.said = pick<Said>(random, [0, 0, 0, 10, 10, 20, null, Number.NaN, { fault: error }]);
        value.left = below(random, random() < 0.5 ? 20 : 3000);
      }
      this.#values.set(target, value);
    }
  }

  say(target: string): Said {
    if (this.isAway) throw new Fault("unavailable", "x/away", "away");
    return this.#values.get(target)?.said ?? null;
  }
}

interface Run {
  notices: Notice[];
  broken: string[];
}

const entries = Array.from({ length: 8 }, (_, number) => ({
  name: `r${number}`,
  target: `t${number}`,
  above: 5,
  ...(number % 3 === 1 ? { for: "20m", keep_firing: "30m" } : {}),
  ...(number % 4 === 2 ? { no_data: "alert" } : {}),
  ...(number % 4 === 1 ? { severity: "warning" } : {}),
  ...([3, 4, 6].includes(number) ? { above: { warning: 5, critical: 15 } } : {}),
  ...(number === 7 ? { depends_on: ["r0"], to: ["seven@x.example"] } : {}),
}));
const targets = entries.map(({ target }) => target);

/** Runs weeks from a seed. `restarts`: the program dies by chance, of which nobody may notice. */
async function run(seed: number, options: { days: number; minutes: number; restarts: boolean }): Promise<Run> {
  const world = new World(seededRandom(seed));
  const people = seededRandom(seed + 1);
  const deaths = seededRandom(seed + 2);
  const test = new HoundTest(
    entries,
    fakeSource((target) => world.say(target)),
    {
      throttle,
      groupFrom: 0,
      tellsErrors: true,
      quiet: { windows: [night], exceptSeverities: ["critical"] },
      level: { flap: { failures: 5, windowMs: 60 * minuteMs, calmMs: 30 * minuteMs }, gapMs: dayMs },
    },
  );
  const broken: string[] = [];
  const told = new Map<string, { count: number; at: number; severity: string }>();
  const ids = new Set<string>();
  const endsAt = test.clock.now() + options.days * dayMs;
  for (; test.clock.now() < endsAt; test.clock.advance(options.minutes * minuteMs)) {
    const at = test.clock.now();
    world.step(targets, options.minutes);
    const before = new Map<string, RuleStanding>(test.hound.standings().map((one) => [one.rule.id, one]));
    const notices = await test.round();
    const after = new Map<string, RuleStanding>(test.hound.standings().map((one) => [one.rule.id, one]));
    const say = (rule: string, words: string) => broken.push(`minute ${(at - endsAt) / minuteMs}: ${rule} ${words}`);
    const count = (kind: Notice["kind"]) => notices.filter((notice) => notice.kind === kind).length;
    if (count("alert") > throttle || count("recovery") > throttle) say("all", "more than the throttle");
    for (const { id, kind, rules } of notices) {
      if (ids.has(id)) say(id, "was told twice");
      ids.add(id);
      for (const rule of rules) {
        const last = told.get(rule.id);
        const hour = new Date(at).getUTCHours();
        const [was, is] = [before.get(rule.id), after.get(rule.id)];
        // Whoever was woken by what is critical hears that it is less.
        const isFall = rule.severityBefore === "critical" && rule.severity === "warning";
        const isRise = rule.severityBefore === "warning" && rule.severity === "critical";
        const isNight = hour >= 22 || hour < 7;
        if (kind !== "errors" && rule.severity === "warning" && !isFall && isNight) say(rule.name, "in quiet hours");
        if (kind === "alert" || kind === "throttled") {
          if (isRise || isFall) {
            if (rule.severityBefore !== last?.severity) say(rule.name, "changed from what was never told");
          } else if (last && !is?.isFlapping && is?.grade !== undefined && last.severity !== rule.severity) {
            say(rule.name, "changed and did not say so");
          }
          if (last && !isRise && !isFall && at - last.at < pauseAfterMs(last.count))
            say(rule.name, `again after ${(at - last.at) / minuteMs} minutes`);
          if (was?.acknowledged && !(was.grade === "warning" && is?.grade === "critical"))
            say(rule.name, "though acknowledged");
          if (was?.silencedUntilAt !== undefined) say(rule.name, "though silenced");
          if (rule.name === "r7" && ["Failed", "Pending"].includes(after.get(entriesId(after, "r0"))?.state ?? ""))
            say(rule.name, "though it depends on what fails");
          told.set(rule.id, { count: isRise ? 1 : (last?.count ?? 0) + 1, at, severity: rule.severity });
        } else if (kind === "recovery" || kind === "recoveries") {
          if (!last) say(rule.name, "recovered without an alert");
          if (is?.state !== "OK") say(rule.name, "recovered but is not good");
          told.delete(rule.id);
        }
      }
    }
    for (const standing of after.values()) {
      const { isFlapping, mutedBy, nextToldAt, rule, state } = standing;
      if (state !== "Failed" || mutedBy !== undefined || isFlapping) continue;
      if (!told.has(rule.id) && !world.isAway) say(rule.name, "fails and nobody was told");
      const last = told.get(rule.id)?.severity;
      if (standing.grade !== undefined && last !== undefined && last !== standing.grade && !world.isAway)
        say(rule.name, `is ${standing.grade} and was told to be ${last}`);
      if (nextToldAt !== undefined && nextToldAt <= at && !world.isAway) say(rule.name, "is due and was not told");
    }
    if (people() < 0.01) test.hound.acknowledge(pick(people, [...after.keys()]), "somebody");
    if (people() < 0.005) {
      const untilAt = at + (1 + below(people, 600)) * minuteMs;
      test.hound.silence({ matcher: `name=${pick(people, entries).name}`, untilAt, by: "somebody", comment: "" });
    }
    if (options.restarts && deaths() < 0.1) test.restart();
  }
  return { notices: test.notices, broken };
}

function entriesId(standings: ReadonlyMap<string, RuleStanding>, name: string): string {
  return [...standings.values()].find(({ rule }) => rule.name === name)?.rule.id ?? "";
}

for (const [seed, days, minutes] of [
  [1, 3, 1],
  [2, 28, 5],
  [3, 28, 5],
  [4, 84, 30],
  [5, 84, 30],
] as const) {
  test(`round: over ${days} days from seed ${seed} the rules of telling hold, and a restart at any moment changes nothing`, async () => {
    const steady = await run(seed, { days, minutes, restarts: false });
    expect(steady.broken).toEqual([]);
    expect(steady.notices.length).toBeGreaterThan(20);
    const before = new Set(steady.notices.flatMap(({ rules }) => rules.map(({ severityBefore }) => severityBefore)));
    expect(before).toEqual(new Set([undefined, "warning", "critical"]));
    const restarted = await run(seed, { days, minutes, restarts: true });
    expect(restarted.broken).toEqual([]);
    expect(restarted.notices).toEqual(steady.notices);
  }, 120_000);
}
