import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { silentLog } from "../../kit/log.ts";
import { seededRandom } from "../../kit/random.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { openCluster } from "./cluster/cluster.ts";
import { settingsOf, statsdSection, type StatsdOptions } from "./config.ts";
import { etsySettings, readEtsyFile } from "./etsy-file.ts";
import { exposition } from "./exposition.ts";
import type { Output } from "./output.ts";
import type { StatsdSettings } from "./settings.ts";
import { Statsd } from "./statsd.ts";

const defaults = Object.fromEntries(
  Object.entries(statsdSection.fields).map(([name, field]) => [
    name,
    field.default === undefined ? undefined : field.read(field.default),
  ]),
) as StatsdOptions;
const own = settingsOf(defaults);
const etsy = (file: string): StatsdSettings => etsySettings(readEtsyFile(file).config, own);

/** A clock whose timers fire a little early, as those of the runtime do, which know whole milliseconds only. */
class EarlyClock extends ManualClock {
  override schedule(delayMs: number, callback: () => void): () => void {
    return super.schedule(delayMs < 1 ? 1 : delayMs - 0.7, callback);
  }
}

/** A clock whose timers fire late, as on a machine that has too much to do. */
class LateClock extends ManualClock {
  lateMs = 0;

  override schedule(delayMs: number, callback: () => void): () => void {
    return super.schedule(delayMs + this.lateMs, callback);
  }
}

/** A statsd whose flushes are written down, with the seconds they are for. */
function started(settings: StatsdSettings, clock = new ManualClock()) {
  const flushes: Map<string, number>[] = [];
  const seconds: number[] = [];
  const output: Output = {
    begin(atSeconds) {
      seconds.push(atSeconds);
      const values = new Map<string, number>();
      return {
        add: (path, value) => void values.set(path, value),
        addAt: (path, value, atSeconds) => void values.set(`${path} ${atSeconds}`, value),
        end: () => void flushes.push(values),
      };
    },
    state: () => {
      throw new Error("not asked here");
    },
    close: () => Promise.resolve(),
  };
  const statsd = new Statsd({ settings, clock, random: seededRandom(1), log: silentLog });
  statsd.outputs = [output];
  statsd.start();
  const flush = (text = "", count = 1) => {
    if (text !== "") statsd.receiveText(text, "here");
    for (let done = 0; done < count; done++) clock.advance(settings.flushMs);
    return Object.fromEntries(flushes.at(-1) ?? []);
  };
  return { statsd, clock, flushes, seconds, flush };
}

const quick = "{ flushInterval: 200 }";
const quickNew = "{ flushInterval: 200, graphite: { legacyNamespace: false } }";

describe("Statsd as Etsy's", () => {
  test("Statsd: an idle one tells 3 stats at first, then 4; a bad line is counted", () => {
    const { flush } = started(etsy(quick));
    expect(flush()).toEqual({
      "stats.statsd.bad_lines_seen": 0,
      "stats_counts.statsd.bad_lines_seen": 0,
      "stats.statsd.packets_received": 0,
      "stats_counts.statsd.packets_received": 0,
      "stats.statsd.metrics_received": 0,
      "stats_counts.statsd.metrics_received": 0,
      "statsd.numStats": 3,
      "stats.statsd.graphiteStats.calculationtime": 0,
      "stats.statsd.processing_time": 0,
    });
    expect(flush("a_bad_test_value|z")).toMatchObject({
      "statsd.numStats": 4,
      "stats_counts.statsd.bad_lines_seen": 1,
      "stats.statsd.bad_lines_seen": 5,
      "stats_counts.statsd.metrics_received": 1,
    });
  });

  test("Statsd: newer names, a prefix of its own and a suffix on every one", () => {
    const { flush } = started(
      etsy("{ flushInterval: 200, prefixStats: 'me', graphite: { legacyNamespace: false, globalSuffix: 'sfx' } }"),
    );
    const values = flush("a_bad_test_value|z\nc;t=1:1|c");
    expect(values["stats.counters.me.bad_lines_seen.count.sfx"]).toBe(1);
    expect(values["stats.me.numStats.sfx"]).toBe(4);
    expect(values["stats.counters.c.count.sfx;t=1"]).toBe(1);
    expect(Object.keys(values).every((path) => path.includes(".sfx"))).toBe(true);
    const legacy = started(
      etsy("{ flushInterval: 200, prefixStats: 'me', graphite: { globalSuffix: 'sfx' } }"),
    ).flush();
    expect(legacy["me.numStats.sfx"]).toBe(3);
    expect(legacy["stats.me.processing_time.sfx"]).toBe(0);
  });

  test("Statsd: a timer, sampled or not, with its bins", () => {
    const file = "{ flushInterval: 200, histogram: [{ metric: '', bins: [10, 1000] }] }";
    expect(started(etsy(file)).flush("a:100|ms")).toMatchObject({
      "stats.timers.a.mean_90": 100,
      "stats.timers.a.histogram.bin_1000": 1,
      "stats.timers.a.count_ps": 5,
      "stats.timers.a.count": 1,
    });
    expect(started(etsy(quick)).flush("a:100|ms|@0.1")).toMatchObject({
      "stats.timers.a.count": 10,
      "stats.timers.a.count_ps": 50,
    });
    const { flush } = started(etsy("{ flushInterval: 200, calculatedTimerMetrics: ['count'] }"));
    const timers = Object.keys(flush("a:100|ms")).filter((path) => path.startsWith("stats.timers"));
    expect(timers).toEqual(["stats.timers.a.count"]);
  });

  test("Statsd: an idle timer tells only that it is", () => {
    const { flush } = started(etsy(quick));
    flush("a:1|ms");
    const timers = Object.entries(flush()).filter(([path]) => path.startsWith("stats.timers"));
    expect(timers).toEqual([
      ["stats.timers.a.count", 0],
      ["stats.timers.a.count_ps", 0],
    ]);
  });

  test("Statsd: counters, with and without counts", () => {
    expect(started(etsy(quickNew)).flush("a:100|c")).toMatchObject({
      "stats.counters.a.rate": 500,
      "stats.counters.a.count": 100,
    });
    const values = started(etsy("{ flushInterval: 200, flush_counts: false }")).flush("a:100|c");
    expect(values["stats.a"]).toBe(500);
    expect(Object.keys(values).some((path) => path.startsWith("stats_counts"))).toBe(false);
  });

  test("Statsd: gauges are set, changed, and stay", () => {
    const { flush } = started(etsy(quick));
    expect(flush("a:70|g\nb:50|g\nb:-3|g\nc:+1|g")).toMatchObject({
      "stats.gauges.a": 70,
      "stats.gauges.b": 47,
      "stats.gauges.c": 1,
    });
    expect(flush("", 50)).toMatchObject({ "stats.gauges.a": 70 });
    expect(flush("c:0|g\nc:-5|g")["stats.gauges.c"]).toBe(-5);
  });

  test("Statsd: sets count distinct members of one interval", () => {
    const { flush } = started(etsy(quick));
    expect(flush("a:x|s\na:y|s\na:x|s")["stats.sets.a.count"]).toBe(2);
    expect(flush("a:x|s")["stats.sets.a.count"]).toBe(1);
    expect(flush()["stats.sets.a.count"]).toBe(0);
  });

  test("Statsd: with deleteIdleStats and gaugesMaxTTL 2 a gauge is there twice, and our own counters stay", () => {
    const { flush } = started(etsy("{ flushInterval: 200, deleteIdleStats: true, gaugesMaxTTL: 2 }"));
    flush();
    expect(flush("a:1|g\nb:1|c")).toMatchObject({ "stats.gauges.a": 1, "statsd.numStats": 6 });
    const second = flush();
    expect([second["stats.gauges.a"], second["stats.b"], second["statsd.numStats"]]).toEqual([1, undefined, 5]);
    const third = flush();
    expect([third["stats.gauges.a"], third["statsd.numStats"], third["stats.statsd.packets_received"]]).toEqual([
      undefined,
      4,
      0,
    ]);
  });

  test("Statsd: a prefix that is empty leaves its level out", () => {
    const file = "{ graphite: { legacyNamespace: false, globalPrefix: '', prefixCounter: '' } }";
    expect(started(etsy(file)).flush("a:5|c")["a.count"]).toBe(5);
  });
});

describe("Statsd as statsd-go", () => {
  test("Statsd: names and figures are statsd-go's, values are right", () => {
    const settings = {
      ...own,
      reading: { ...own.reading, grammar: "statsd-go" as const },
      naming: { ...own.naming, style: "statsd-go" as const },
    };
    const { flush } = started(settings);
    const timers = Array.from({ length: 10 }, (_, at) => `t:${at + 1}|ms`).join("\n");
    expect(flush(`a:100|c\ng:3.7|g\n${timers}`)).toEqual({
      "stats.a": 10,
      "stats.counters.a": 100,
      "stats.gauges.g": 3.7,
      "stats.timers.t.mean": 5,
      "stats.timers.t.upper": 10,
      "stats.timers.t.upper_90": 9,
      "stats.timers.t.lower": 1,
      "stats.timers.t.count": 10,
      "stats.statsd.numStats": 3,
    });
    expect(flush()).toMatchObject({ "stats.a": 0, "stats.timers.t.upper_90": 0, "stats.timers.t.mean": 0 });
    const one = started({ ...settings, timers: { ...own.timers, percentiles: [10] } });
    // A tenth of two values is none of them.
    expect(one.flush("t:1|ms\nt:3|ms")).toMatchObject({ "stats.timers.t.mean": 2 });
  });
});

describe("Statsd", () => {
  test("Statsd: what nothing touches is told as idle for its time, then forgotten", () => {
    const { flush, statsd } = started(own);
    flush("a:1|c\nt:1|ms\ng:1|g\ns:1|s");
    expect(flush("", 30)).toMatchObject({ "stats.a": 0, "stats.timers.t.count": 0, "stats.sets.s.count": 0 });
    const later = flush();
    expect([later["stats.a"], later["stats.timers.t.count"], later["stats.sets.s.count"]]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(later["stats.gauges.g"]).toBe(1);
    expect(flush("", 360)["stats.gauges.g"]).toBeUndefined();
    expect(statsd.buckets.names).toBe(4);
  });

  test("Statsd: flushes keep to the start plus multiples of the interval for weeks", () => {
    const { clock, flushes, statsd } = started({ ...own, flushMs: 10_000 });
    clock.advance(14 * 86_400_000);
    expect(flushes.length).toBe((14 * 86_400) / 10);
    expect(statsd.counts.skipped).toBe(0);
    expect(flushes.at(-1)?.get("stats.gauges.statsd.timestamp_lag")).toBe(0);
  });

  test("Statsd: a timer that fires early makes no second flush for the same second, which would hide the first", () => {
    const { clock, flushes, statsd } = started({ ...own, flushMs: 10_000 }, new EarlyClock());
    for (let minute = 1; minute <= 60; minute++) {
      clock.advance(55_000);
      statsd.receiveText("a:7|c", "here");
      clock.advance(5000);
      expect(flushes).toHaveLength(minute * 6);
      expect(flushes.at(-1)?.get("stats_counts.a")).toBe(7);
    }
    expect(statsd.counts.skipped).toBe(0);
  });

  test("Statsd: a flush that is late is told for the time at which it was due, so that the next does not hide it", () => {
    const clock = new LateClock(Date.UTC(2030, 0, 1, 0, 0, 9));
    const { flush, statsd, seconds } = started({ ...own, flushMs: 10_000 }, clock);
    const base = Date.UTC(2030, 0, 1) / 1000;
    for (const late of [0, 1200, 0, 9400, 0]) {
      clock.lateMs = late;
      flush("a:1|c");
    }
    clock.advance(20_000);
    expect(seconds.slice(0, 5).map((second) => second - base)).toEqual([19, 29, 39, 49, 59]);
    expect(statsd.counts.skipped).toBe(0);
    // Nothing of a machine that slept is given to the time before it.
    clock.lateMs = 3_600_000;
    clock.advance(3_700_000);
    expect(seconds.at(-1)).toBeGreaterThan(base + 3600);
  });

  test("Statsd: names beyond the limit are refused and their makers are told; known ones go on", () => {
    const { flush, statsd } = started({ ...own, limits: { ...own.limits, names: 10 } });
    const lines = Array.from({ length: 100 }, (_, at) => `user.id${at}.seen:1|c`).join("\n");
    flush(`known.first:1|c\n${lines}`);
    expect(statsd.buckets.names).toBe(10);
    expect(statsd.buckets.refused.names).toBe(94);
    expect(statsd.buckets.makers.top("sender", 1)).toEqual([{ who: "here", made: 7, refused: 94 }]);
    expect(flush("known.first:1|c")["stats_counts.known.first"]).toBe(1);
  });

  test("Statsd: of a timer's values beyond the bound a fair sample is kept, and all are counted", () => {
    const { flush } = started({ ...own, limits: { ...own.limits, timerValues: 100 } });
    const lines = Array.from({ length: 10_000 }, (_, at) => `t:${at}|ms`).join("\n");
    const values = flush(lines);
    expect(values["stats.timers.t.count"]).toBe(10_000);
    expect(values["stats.timers.t.mean"]).toBeGreaterThan(3500);
    expect(values["stats.timers.t.mean"]).toBeLessThan(6500);
  });

  test("Statsd: members of sets are bounded together, in each interval; long ones and long names too", () => {
    const { flush, statsd } = started({ ...own, limits: { ...own.limits, setMembers: 10 } });
    const lines = Array.from({ length: 8 }, (_, at) => `a:m${at}|s\nb:m${at}|s`).join("\n");
    expect(flush(lines)).toMatchObject({ "stats.sets.a.count": 5, "stats.sets.b.count": 5 });
    expect(statsd.buckets.refused.setMembers).toBe(6);
    const long = "x".repeat(5000);
    expect(flush(`a:${long}1|s\na:${long}2|s\na:${long}1|s\n${long}:1|c`)).toMatchObject({ "stats.sets.a.count": 2 });
    expect(statsd.buckets.refused.names).toBe(1);
  });

  test("Statsd: a value with a time of its own is passed on once, under that time", () => {
    const { flush } = started(own);
    expect(flush("a:7|g|T1656581400")["stats.gauges.a 1656581400"]).toBe(7);
    expect(flush()["stats.gauges.a 1656581400"]).toBeUndefined();
  });

  test("Statsd: of a flood of events a hundred are passed on, then five a second; all are counted", () => {
    const clock = new ManualClock();
    let passed = 0;
    const statsd = new Statsd({
      settings: own,
      clock,
      random: seededRandom(1),
      log: silentLog,
      happened: () => void passed++,
    });
    for (let at = 0; at < 5000; at++) statsd.receiveText("_e{1,1}:a|b", "here");
    expect(passed).toBe(100);
    clock.advance(10_000);
    for (let at = 0; at < 5000; at++) statsd.receiveText("_e{1,1}:a|b", "here");
    expect(passed).toBe(150);
    expect(statsd.counts).toMatchObject({ events: 10_000, eventsKeptBack: 9850 });
  });

  test("Statsd: while it is held nothing is flushed, and nothing is lost", () => {
    const { statsd, flush, flushes } = started(etsy(quick));
    statsd.isHeld = true;
    flush("a:3|c", 3);
    expect(flushes).toHaveLength(0);
    statsd.isHeld = false;
    expect(flush("a:4|c")).toMatchObject({ "stats_counts.a": 7 });
  });

  test("Statsd: stopping sends what came since the last flush", async () => {
    const { flush, flushes, statsd } = started(own);
    flush("a:1|c");
    statsd.receiveText("a:5|c", "here");
    await statsd.stop();
    expect(flushes.at(-1)?.get("stats_counts.a")).toBe(5);
  });

  test("Statsd: whoever looks on sees each line once, bad ones with the reason", () => {
    const { statsd } = started(own);
    const seen: unknown[] = [];
    const close = statsd.taps.open((line) => seen.push(line));
    statsd.receiveText("a:1|c\nbad\n", "here");
    close();
    statsd.receiveText("b:1|c", "here");
    expect(seen).toEqual([
      { line: "a:1|c", sender: "here" },
      { line: "bad", sender: "here", reason: "it has no value" },
    ]);
  });

  test("Statsd: changed rules take what was counted along", () => {
    const { flush, statsd } = started(etsy(quick));
    flush("a:1|c\ng:5|g");
    statsd.receiveText("a:2|c", "here");
    statsd.configure(etsy(quickNew));
    expect(flush()).toMatchObject({ "stats.counters.a.count": 2, "stats.gauges.g": 5 });
  });

  test("Statsd: a flush holds only finite numbers, whatever came", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.double(), fc.constantFrom("c", "g", "ms", "h"))),
        (all) => {
          const { flush } = started(etsy(quick));
          const values = flush(all.map(([name, value, type]) => `${name}:${value}|${type}`).join("\n"));
          expect(Object.values(values).every(Number.isFinite)).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });
});

test("exposition: counters rise over flushes, timers are summaries, tags are labels", () => {
  const { flush, statsd } = started(own);
  flush('a.b:1|c|#env:pr"od\nt:5|ms\ng;x=1:3|g\ns:u|s');
  flush('a.b:2|c|#env:pr"od\n1st:1|g');
  const text = [...exposition(statsd.buckets)].join("");
  expect(text).toContain('# TYPE a_b_total counter\na_b_total{env="prod"} 3\n');
  expect(text).toContain('# TYPE t summary\nt{quantile="0.9"} 5\nt_sum 5\nt_count 1\n');
  expect(text).toContain('g{x="1"} 3\n');
  expect(text).toContain("_1st 1\n");
  expect(text).toContain("s_distinct 0\n");
});

test("exposition: a quantile has its own threshold when another had no value to tell", () => {
  const { flush, statsd } = started({ ...own, timers: { ...own.timers, percentiles: [1, 90] } });
  flush("t:5|ms\nt:7|ms");
  expect([...exposition(statsd.buckets)].join("")).toContain('# TYPE t summary\nt{quantile="0.9"} 7\nt_sum 12\n');
});

test("exposition: what statsd-go told of a timer is told of an idle one by the same names", () => {
  const { flush } = started({
    ...own,
    naming: { ...own.naming, style: "statsd-go" },
    timers: { ...own.timers, percentiles: [99.5] },
  });
  const timerNames = (values: Record<string, number>) =>
    Object.keys(values)
      .filter((path) => path.includes(".t."))
      .sort();
  const names = timerNames(flush("t:5|ms"));
  expect(names).toHaveLength(5);
  expect(timerNames(flush(""))).toEqual(names);
});

test("Statsd: of a long event or check the page remembers the beginning", () => {
  const told: number[] = [];
  const statsd = new Statsd({
    settings: own,
    clock: new ManualClock(),
    random: seededRandom(1),
    log: silentLog,
    happened: ({ text }) => void told.push(text.length),
  });
  const tags = Array.from({ length: 500 }, (_, at) => `t${at}`).join(",");
  statsd.receiveText(`_e{5,50000}:title|${"x".repeat(50_000)}|#${tags}\n_sc|check|1|m:${"y".repeat(50_000)}`, "here");
  expect(told).toEqual([50_000]);
  expect(statsd.events[0]).toMatchObject({ title: "title", text: "x".repeat(4000) });
  expect(statsd.events[0]?.tags).toHaveLength(100);
  expect(statsd.checks.get("check")?.message).toBe("y".repeat(4000));
});

test("Statsd: a value with a time of its own, under a name that is too long, is refused", () => {
  const { statsd } = started(own);
  statsd.receiveText(`${"n".repeat(1001)}:1|g|T1700000000\n_sc|${"n".repeat(2000)}|0`, "here");
  expect(statsd.buckets.refused.names).toBe(2);
  expect(statsd.checks.size).toBe(0);
});

test("Statsd: what nodes share is not counted here, and is shown to those who look on", async () => {
  const { flush, statsd } = started(own);
  const clock = new ManualClock();
  statsd.cluster = await openCluster({
    nodes: [],
    checkEveryMs: 1000,
    clock,
    own: () => false,
    changed: () => undefined,
  });
  const seen: string[] = [];
  statsd.taps.open(({ line }) => void seen.push(line));
  statsd.receive(Buffer.from("a:1|c\n\nb:1|g"), "here");
  const values = flush("é:1|c");
  expect(seen).toEqual(["a:1|c", "b:1|g", "é:1|c"]);
  expect(statsd.cluster.unshared).toBe(3);
  expect(statsd.counts).toMatchObject({ packets: 2, lines: 3, bad: 0 });
  expect(values["stats_counts.statsd.metrics_received"]).toBe(3);
  expect(Object.keys(values).filter((path) => /\.(?:a|b|é)$/.test(path))).toEqual([]);
  statsd.cluster.close();
});

test("Statsd: lists that are used again from interval to interval hold only what came in theirs", () => {
  const name = fc.constantFrom("a", "b", "c");
  const interval = fc.array(fc.tuple(name, fc.integer({ min: 0, max: 30 })), { maxLength: 120 });
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 8 }), (intervals) => {
      const { flush } = started({ ...own, flushMs: 1000 });
      for (const sent of intervals) {
        const values = flush(sent.map(([to, value]) => `${to}:${value}|s\n${to}:${value}|ms`).join("\n") || "\n");
        for (const one of ["a", "b", "c"]) {
          const came = sent.flatMap(([to, value]) => (to === one ? [value] : []));
          expect(values[`stats.sets.${one}.count`] ?? 0).toBe(new Set(came).size);
          expect(values[`stats.timers.${one}.count`] ?? 0).toBe(came.length);
          expect(values[`stats.timers.${one}.sum`] ?? 0).toBe(came.reduce((sum, value) => sum + value, 0));
          expect(values[`stats.timers.${one}.upper`] ?? 0).toBe(Math.max(0, ...came));
        }
      }
    }),
    { numRuns: 200 },
  );
});
