/** What decides beside the breaker: limits, choice, checks, look-ups, percentiles, the predecessor's flags, plans. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { systemClock } from "../../kit/clock.ts";
import { seededRandom } from "../../kit/random.ts";
import { until } from "../../kit/testing/child-node.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { breakerDefaults } from "./breaker.ts";
import { Checks, networkCheck } from "./checks.ts";
import { Chooser, ejectOutlier } from "./choice.ts";
import { nameProblems, proxyDefaults } from "./config.ts";
import { Latency } from "./latency.ts";
import { Limits } from "./limits.ts";
import { turnFlags } from "./original-flags.ts";
import { PlanError, plansIn, type ProxyPlan } from "./plan.ts";
import { Resolver } from "./resolver.ts";
import { openSockets, silentPeer } from "./silent-fixture.ts";
import { datagramsOf } from "./statsd.ts";
import { Upstream } from "./upstream.ts";
import { SlidingWindow } from "./window.ts";

function planned(table: object): ProxyPlan {
  const [plan] = plansIn([{ name: "p", listen: "127.0.0.1:2", upstreams: ["10.0.0.1:1"], ...table }], proxyDefaults);
  if (!plan) throw new Error("There is no plan");
  return plan;
}

function upstreamsOf(table: object, clock = new ManualClock()) {
  const plan = planned(table);
  const upstreams = plan.upstreams.map(
    (own) =>
      new Upstream({
        plan,
        own,
        clock,
        random: seededRandom(1),
        lookup: () => Promise.resolve([]),
        happened: () => undefined,
        changed: () => undefined,
      }),
  );
  return { clock, plan, upstreams };
}

describe("window", () => {
  test("new is empty; one failure is all there is; ratios are those of what is within; a slot that comes round is empty", () => {
    const window = new SlidingWindow(1000, 10);
    expect(window.counts(0)).toEqual({ successes: 0, failures: 0 });
    window.add(0, false);
    expect(window.counts(0)).toEqual({ successes: 0, failures: 1 });
    window.add(50, true);
    window.add(450, true);
    window.add(450, false);
    window.add(450, false);
    expect(window.counts(999)).toEqual({ successes: 2, failures: 3 });
    expect(window.counts(1000)).toEqual({ successes: 1, failures: 2 });
    window.add(1049, true);
    expect(window.counts(1400)).toEqual({ successes: 1, failures: 0 });
    expect(window.counts(1_000_000)).toEqual({ successes: 0, failures: 0 });
    expect(() => new SlidingWindow(0, 1)).toThrow(RangeError);
  });
});

describe("limits", () => {
  test("rates: so many at once, then as many as time brings; clients do not share theirs", () => {
    const limits = new Limits({ rate: 0, ratePerClient: 2, maxPerClient: 0 }, 0);
    expect([1, 2, 3].map(() => limits.enter("a", 0))).toEqual([undefined, undefined, "client-rate"]);
    expect(limits.enter("b", 0)).toBeUndefined();
    expect(limits.enter("a", 499)).toBe("client-rate");
    expect(limits.enter("a", 500)).toBeUndefined();
    const whole = new Limits({ rate: 1, ratePerClient: 0, maxPerClient: 0 }, 0);
    expect([whole.enter("a", 0), whole.enter("b", 0), whole.enter("b", 1000)]).toEqual([undefined, "rate", undefined]);
  });

  test("connections of a client: so many at once; nothing is remembered of those that left", () => {
    const limits = new Limits({ rate: 0, ratePerClient: 0, maxPerClient: 1 }, 0);
    expect([limits.enter("a", 0), limits.enter("a", 0)]).toEqual([undefined, "client-connections"]);
    limits.leave("a");
    expect(limits.clients).toBe(0);
    expect(limits.enter("a", 0)).toBeUndefined();
  });

  test("memory is bounded, however many addresses come", () => {
    const limits = new Limits({ rate: 0, ratePerClient: 1, maxPerClient: 0 }, 0);
    for (let client = 0; client < 150_000; client++) {
      expect(limits.enter(`c${client}`, client)).toBeUndefined();
      limits.leave(`c${client}`);
    }
    expect(limits.clients).toBeLessThanOrEqual(100_000);
  });
});

describe("choice", () => {
  test("hash: a client stays, and only those of the one that is gone move", () => {
    const { upstreams } = upstreamsOf({ upstreams: ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"], balance: "hash" });
    const chooser = new Chooser(upstreams, "hash");
    const choose = (client: number) => {
      const choice = chooser.choose(`192.0.2.${client}`);
      return typeof choice === "string" ? choice : choice.upstream.plan.name;
    };
    const before = Array.from({ length: 200 }, (_, client) => choose(client));
    expect(new Set(before).size).toBe(3);
    expect(Array.from({ length: 200 }, (_, client) => choose(client))).toEqual(before);
    upstreams[0]?.breaker.force("open", "a test");
    before.forEach((name, client) => {
      if (name !== "10.0.0.1:1") expect(choose(client)).toBe(name);
      else expect(choose(client)).not.toBe(name);
    });
  });

  test("full is not open: a limit of our own says nothing about the upstream", () => {
    const { upstreams } = upstreamsOf({ upstreams: [{ address: "10.0.0.1:1", max_connections: 1 }, "10.0.0.2:1"] });
    const [first, second] = upstreams;
    if (!first || !second) throw new Error("There are two");
    first.active = 1;
    second.breaker.force("open", "a test");
    const chooser = new Chooser(upstreams, "first");
    expect(chooser.choose("")).toBe("full");
    first.breaker.force("open", "a test");
    expect(chooser.choose("")).toBe("open");
  });

  test("outliers: put aside for longer each time, never more than half of them, and asked when nobody else is left", () => {
    const { clock, upstreams } = upstreamsOf({
      upstreams: ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"],
      min_samples: 1000,
    });
    const [first, second, third] = upstreams;
    if (!first || !second || !third) throw new Error("There are three");
    const fail = (upstream: Upstream, times: number) => {
      for (let count = 0; count < times; count++) {
        const ticket = upstream.breaker.ask();
        if (ticket) upstream.report(ticket, "reset");
      }
    };
    fail(first, 4);
    expect(ejectOutlier(upstreams, first, 5)).toBe(false);
    fail(first, 1);
    expect(ejectOutlier(upstreams, first, 5)).toBe(true);
    fail(second, 5);
    expect([ejectOutlier(upstreams, second, 5), second.isEjected]).toEqual([false, false]);
    clock.advance(30_000);
    expect(first.isEjected).toBe(false);
    fail(first, 5);
    expect(ejectOutlier(upstreams, first, 5)).toBe(true);
    clock.advance(59_999);
    expect(first.isEjected).toBe(true);
    second.breaker.force("open", "a test");
    third.breaker.force("open", "a test");
    const choice = new Chooser(upstreams, "least-connections").choose("");
    expect(typeof choice === "string" ? choice : choice.upstream).toBe(first);
  });
});

describe("checks", () => {
  test("open a closed breaker, leave an open one alone until its delay has passed, and probe in the place of users", async () => {
    const { clock, plan, upstreams } = upstreamsOf({ check: "1s", check_fall: 2, backoff: "10s" });
    const [upstream] = upstreams;
    if (!upstream || !plan.check) throw new Error("There is one");
    let answer: string | undefined = "it is down";
    let asked = 0;
    const checks = new Checks(upstream, plan.check, clock, () => {
      asked++;
      return Promise.resolve(answer);
    });
    expect(await checks.step()).toBe(1000);
    expect(upstream.breaker.state).toBe("closed");
    await checks.step();
    expect(upstream.breaker.view()).toMatchObject({ state: "open", trips: 1 });
    await checks.step();
    expect(asked).toBe(2);
    clock.advance(15_000);
    expect([upstream.breaker.state, upstream.breaker.ask("user")]).toEqual(["half-open", undefined]);
    await checks.step();
    expect(upstream.breaker.state).toBe("open");
    clock.advance(60_000);
    answer = undefined;
    await checks.step();
    expect([upstream.breaker.state, asked]).toEqual(["closed", 4]);
    expect(upstream.breaker.ask("user")).toBeDefined();
  });
});

describe("checks over the network", () => {
  for (const how of [{}, { check_path: "/well" }]) {
    test(`an upstream that does not answer at all is not well, and leaves no descriptor behind: ${JSON.stringify(how)}`, async () => {
      await using silent = await silentPeer();
      if (silent === undefined) return;
      const table = { upstreams: [`127.0.0.1:${silent.port}`], check: "1s", check_timeout: "50ms", ...how };
      const { plan, upstreams } = upstreamsOf(table);
      const [upstream] = upstreams;
      const { check: wanted } = plan;
      if (!upstream || !wanted) throw new Error("There is one");
      const check = networkCheck(systemClock);
      const before = openSockets();
      const failures = await Promise.all(Array.from({ length: 10 }, () => check(upstream, wanted)));
      expect(failures.filter((failure) => failure === undefined)).toEqual([]);
      await until("all are closed", () => openSockets() <= before);
    });
  }

  test("a connection is enough, and a refused one is told", async () => {
    const { plan, upstreams } = upstreamsOf({ upstreams: ["127.0.0.1:1"], check: "1s" });
    const [refusing] = upstreams;
    if (!refusing || !plan.check) throw new Error("There is one");
    expect(await networkCheck(systemClock)(refusing, plan.check)).toContain("ECONNREFUSED");
    using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const [taking] = upstreamsOf({ upstreams: [`127.0.0.1:${listener.port}`] }).upstreams;
    if (!taking) throw new Error("There is one");
    expect(await networkCheck(systemClock)(taking, plan.check)).toBeUndefined();
  });
});

describe("resolver", () => {
  test("a name that moved is found; a failed look-up keeps what was known; numbers are never looked up", async () => {
    const clock = new ManualClock();
    const answers = [["10.0.0.1", "10.0.0.2"], new Error("no answer"), ["10.0.0.3"]];
    const resolver = new Resolver(
      "db.example",
      () => {
        const answer = answers.shift() ?? [];
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
      clock,
    );
    expect(resolver.next()).toBeUndefined();
    await resolver.start(30_000);
    expect([resolver.next(), resolver.next(), resolver.next()]).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
    clock.advance(30_000);
    expect([resolver.failure, resolver.addresses.length]).toEqual(["no answer", 2]);
    clock.advance(30_000);
    expect([resolver.failure, resolver.next()]).toEqual(["", "10.0.0.3"]);
    resolver.stop();
    expect(clock.waiting).toBeLessThanOrEqual(1);
    const number = new Resolver("127.0.0.1", () => Promise.reject(new Error("asked")), clock);
    await number.start(1000);
    expect([number.next(), number.failure]).toEqual(["127.0.0.1", ""]);
  });
});

test("resolver: an answer that does not come is not waited for, asked for once, and counts when it comes", async () => {
  const clock = new ManualClock();
  let asked = 0;
  let answer: (found: string[]) => void = () => undefined;
  const late = new Promise<string[]>((resolve) => (answer = resolve));
  const resolver = new Resolver("db.example", () => (asked++, late), clock);
  const started = resolver.start(30_000);
  clock.advance(5000);
  await started;
  expect([resolver.failure, resolver.next()]).toEqual(["there is no answer within 5 s", undefined]);
  clock.advance(60_000);
  expect(asked).toBe(1);
  answer(["10.0.0.7"]);
  clock.advance(0);
  expect([resolver.failure, resolver.next()]).toEqual(["", "10.0.0.7"]);
  clock.advance(30_000);
  expect(asked).toBe(2);
  resolver.stop();
});

describe("a name with several addresses", () => {
  const resolverOf = async (addresses: readonly string[]) => {
    const clock = new ManualClock();
    const resolver = new Resolver("db.example", () => Promise.resolve(addresses), clock);
    await resolver.start(3_600_000);
    const take = (many: number) => Array.from({ length: many }, () => resolver.next());
    return { clock, resolver, take };
  };

  test("one that failed is passed over, tried once in a while, and back when it was reached", async () => {
    const { clock, resolver, take } = await resolverOf(["::1", "127.0.0.1"]);
    expect(take(2)).toEqual(["::1", "127.0.0.1"]);
    resolver.failed("::1");
    expect(new Set(take(50))).toEqual(new Set(["127.0.0.1"]));
    clock.advance(10_000);
    expect(take(50).filter((address) => address === "::1")).toHaveLength(1);
    resolver.worked("::1");
    expect(take(50).filter((address) => address === "::1")).toHaveLength(25);
    resolver.stop();
  });

  test("when all failed all are tried in turn; a hundred are taken in turn", async () => {
    const hundred = Array.from({ length: 100 }, (_, at) => `10.0.0.${at}`);
    const { resolver, take } = await resolverOf(hundred);
    expect(take(100)).toEqual(hundred);
    for (const address of hundred) resolver.failed(address);
    expect(take(100)).toEqual(hundred);
    resolver.stop();
  });
});

describe("latency", () => {
  test("percentiles are right within a tenth, over the last while only", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.05, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
        (all) => {
          const latency = new Latency(0);
          for (const took of all) latency.add(0, took);
          const sorted = all.toSorted((one, other) => one - other);
          for (const share of [0.5, 0.95, 0.99]) {
            const wanted = sorted[Math.ceil(share * all.length) - 1] ?? Number.NaN;
            const got = latency.percentiles(0, [share])?.[0] ?? Number.NaN;
            expect(Math.abs(got - wanted) / wanted).toBeLessThan(0.11);
          }
        },
      ),
    );
    const latency = new Latency(0);
    latency.add(0, 5);
    expect(latency.percentiles(90_000, [0.5])).toBeDefined();
    expect(latency.percentiles(180_000, [0.5])).toBeUndefined();
  });
});

describe("the predecessor's words", () => {
  const world = { isFree: (_host: string, port: number) => port !== 7 };

  test("flags: one dash or two, behind or after =, with its defaults; other words stay as they are", () => {
    expect(turnFlags(["-v"], world)).toEqual(
      "--local localhost:9999 --remote localhost:80 --must-resolve --verbose --listen localhost:9998 --data data/cbp-9999".split(
        " ",
      ),
    );
    expect(
      turnFlags("-l=:1 --r db:5 -t 0.25 --ms=9 -window-time 100 -e :7 --data d --log-level debug".split(" "), world),
    ).toEqual(
      "--local 0.0.0.0:1 --remote db:5 --must-resolve --failure-ratio 0.25 --min-samples 9 --window 100ms --listen 127.0.0.1:0 --data d --log-level debug".split(
        " ",
      ),
    );
    expect(
      turnFlags("-v=1 -t=.5 -ms 0x5 -window-time +250 -l h:1 -e h:2 --data d".split(" "), world).join(" "),
    ).toContain("--failure-ratio 0.5 --min-samples 5 --window 250ms --verbose");
    for (const word of ["-v=T", "-v=TRUE", "-v=true", "--v"]) expect(turnFlags([word], world)).toContain("--verbose");
    for (const word of ["-v=0", "-v=f", "-v=False"]) expect(turnFlags([word], world)).not.toContain("--verbose");
    for (const word of ["-t=x", "-ms=-", "-ms=1e"])
      expect(turnFlags([word], world)).toContain(word.slice(word.indexOf("=") + 1));
    // Refused by the parser of flags, like any that nobody knows.
    expect(turnFlags(["-v=perhaps", "-t", "1"], world).at(-1)).toBe("-v=perhaps");
    for (const words of [[], ["list", "--server", "x"], ["--window-buckets", "5"], ["--local", "a:1"]])
      expect(turnFlags(words, world)).toEqual(words);
  });

  test("datagrams: one name each, without a line end; the time of a trip with its reset", () => {
    expect(datagramsOf("a.b", "fail", 0)).toEqual(["a.b.fail:1|c"]);
    expect(datagramsOf("a.b", "reset", 1234.6)).toEqual(["a.b.reset:1|c", "a.b.trip-time:1235|ms"]);
    expect(datagramsOf("a.b", "ready", 0, "web")).toEqual(["a.b.web.ready:1|c"]);
  });
});

describe("plans", () => {
  test("what a table does not say comes from the section; checks take probing from users", () => {
    expect(planned({}).breaker).toEqual(breakerDefaults);
    const plan = planned({ check: "1s", window: "2s", refuse_with: "BUSY\n", upstreams: [{ address: "[::1]:2" }] });
    expect(plan.breaker).toMatchObject({ usersProbe: false, windowMs: 2000 });
    expect(plan.check).toEqual({ everyMs: 1000, timeoutMs: 1000, httpPath: undefined, fall: 3 });
    expect([plan.refusal, plan.upstreams[0]?.name]).toEqual([{ bytes: new TextEncoder().encode("BUSY\n") }, "[::1]:2"]);
  });

  test("all that is wrong is told at once, and names of statsd cannot carry more than a name", () => {
    const good = { listen: "127.0.0.1:1", upstreams: ["10.0.0.1:1"] };
    const tables = [
      { name: "a b", listen: "1x", upstreams: [], nonsense: 3 },
      { ...good, name: "b", dial: "10y" },
      { ...good, name: "c" },
      { ...good, name: "d" },
    ];
    let problems: readonly string[] = [];
    try {
      plansIn(tables, proxyDefaults);
    } catch (thrown) {
      if (!(thrown instanceof PlanError)) throw thrown;
      ({ problems } = thrown);
    }
    const told = problems.join("\n");
    for (const words of ["1 cannot be used: name", "listen", "upstreams", "nonsense", "2 cannot", "10y", '"d" listens'])
      expect(told).toContain(words);
    expect(nameProblems({ metricBase: "a:1|c", metricName: "b" })).toEqual([
      'metric_base: Cannot use "a:1|c": wanted a name without spaces, ":", "|", "@" and "#"',
    ]);
    expect(nameProblems({ metricBase: "a.b-c_d", metricName: undefined })).toEqual([]);
  });

  test("what cannot be is refused with its place", () => {
    for (const [table, words] of [
      [{ name: "a b" }, "name"],
      [{ listen: "nowhere" }, "listen"],
      [{ upstreams: [] }, "upstreams"],
      [{ upstreams: ["a:1", "a:1"] }, "same name"],
      [{ upstreams: [{ address: "a:1", fallback: true }] }, "no fallback"],
      [{ window: "ten" }, "window"],
      [{ wndow: "1s" }, "wndow"],
      [{ users_probe: false }, "needs check"],
      [{ listen: "127.0.0.1:7", upstreams: ["b:7", "127.0.0.1:7"] }, "127.0.0.1:7 is where it listens itself"],
      [{ listen: "0.0.0.0:7", upstreams: [{ name: "own", address: "localhost:7" }] }, "own is where it listens"],
      [{ failures: ["rain"] }, "failures.0"],
    ] as const)
      expect(() => planned(table)).toThrow(words);
  });

  test("a wrong value is told with its key, what was given, and what is wanted", () => {
    for (const [table, words] of [
      [{ failure_ratio: 2 }, "failure_ratio: cannot use 2: wanted 1 at most"],
      [{ min_samples: 1.5 }, "min_samples: cannot use 1.5: wanted a whole number"],
      [{ window: 10 }, 'window: cannot use 10: wanted a duration such as "30s"'],
      // Every 0 s would be without a pause.
      [{ resolve: "0s" }, 'resolve: Cannot use "0s": wanted 1s to 30d'],
      [{ dial: "3m" }, 'dial: Cannot use "3m": wanted 1ms to 2m'],
      [{ check: "1ms" }, "check: wanted 10ms or more, or 0s for none"],
      [{ balance: "x" }, 'balance: cannot use "x": wanted one of "least-connections", "hash", "first"'],
      [{ upstreams: ["nohost"] }, 'upstreams.0: Cannot parse address "nohost": wanted "host:port"'],
      [{ upstreams: [{ name: "x" }] }, "upstreams.0.address: it is missing: wanted an address such as"],
      [{ upstreams: [7] }, "upstreams.0: cannot use 7: wanted an address such as"],
      [{ accept_proxy: [] }, "accept_proxy: cannot use []: wanted 1 or more in the list"],
      [{ upstream_tls: 5 }, "upstream_tls: cannot use 5: wanted true or false or a table"],
      [{ upstream_tls: { verify: "no" } }, 'upstream_tls.verify: cannot use "no": wanted true or false'],
      [{ widow: "1s" }, 'there is no key "widow": did you mean "window"?'],
      [{ name: "x".repeat(500) }, `name: cannot use "${"x".repeat(99)}…: wanted letters`],
    ] as const)
      expect(() => planned(table)).toThrow(words);
    expect(() => planned({ max_connections: 1e30 })).toThrow(/^[^;]+$/);
  });

  test("whatever stands in a table, it is a plan or a SyntaxError", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (table) => {
        try {
          plansIn([table], proxyDefaults);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(SyntaxError);
        }
      }),
    );
  });
});
