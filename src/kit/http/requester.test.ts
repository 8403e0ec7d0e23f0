/** Requests to a service at one of several addresses: which is asked, what comes of failures, and what is not believed. */
import { describe, expect, test } from "bun:test";
import { z } from "zod";

import { Fault } from "../fault.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { openBody, readBody, type ReadingOptions } from "./reading.ts";
import { Requester } from "./requester.ts";

const shape = z.object({ word: z.string() });
type Answer = (init: RequestInit) => Response | Promise<Response>;

function setUp(answers: Record<string, Answer>, idleTimeoutMs = 30_000) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const requester = new Requester("thing", "Thing", {
    baseUrls: Object.keys(answers).map((name) => `http://${name}/thing//`),
    clock,
    idleTimeoutMs,
    fetch: async (url, init) => {
      asked.push(url);
      const answer = answers[new URL(url).host];
      if (answer === undefined) throw new Error("nobody");
      return answer(init);
    },
  });
  const ask = (canRepeat = true) => requester.json("GET", "/word", shape, { canRepeat });
  return { asked, ask, clock, requester };
}

const word: Answer = () => Response.json({ word: "yes" });
const down: Answer = () => {
  throw new Error("connection refused");
};
const missing: Answer = () => new Response("no\n", { status: 404 });

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const thrown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (thrown instanceof Fault) return thrown;
  throw new Error(`Wanted a Fault, not ${String(thrown)}`);
}

describe("addresses", () => {
  test("Requester: the first that answers, and that one first the next time", async () => {
    const { ask, asked, requester } = setUp({ one: down, two: word });
    expect(await ask()).toEqual({ word: "yes" });
    await ask();
    expect(asked).toEqual(["http://one/thing/word", "http://two/thing/word", "http://two/thing/word"]);
    expect(requester.baseUrls).toEqual(["http://two/thing", "http://one/thing"]);
  });

  test("Requester: what cannot be repeated goes to one address only", async () => {
    const { ask, asked } = setUp({ one: down, two: word });
    expect((await faultOf(ask(false))).code).toBe("thing/unreachable");
    expect(asked.length).toBe(1);
  });

  test("Requester: what a node said weighs more than that another was away; a refusal ends it", async () => {
    expect((await faultOf(setUp({ one: down, two: missing }).ask())).code).toBe("thing/not-found");
    expect((await faultOf(setUp({ one: missing, two: down }).ask())).code).toBe("thing/not-found");
    const { ask, asked } = setUp({ one: () => new Response("", { status: 403 }), two: word });
    expect((await faultOf(ask())).kind).toBe("forbidden");
    expect(asked.length).toBe(1);
    expect(() => setUp({})).toThrow(RangeError);
  });
});

describe("answers", () => {
  test("Requester: a failure keeps the service's code, sentence and time to wait", async () => {
    const problem = () =>
      Response.json({ code: "thing/full", detail: "It is full" }, { status: 507, headers: { "Retry-After": "3" } });
    expect(await faultOf(setUp({ one: problem }).ask())).toMatchObject({
      code: "thing/full",
      message: "It is full",
      status: 507,
      retryAfterMs: 3000,
    });
    const odd = () => new Response("x".repeat(10_000), { status: 418, headers: { "Retry-After": "-1" } });
    const fault = await faultOf(setUp({ one: odd }).ask());
    expect(fault).toMatchObject({ kind: "invalid", code: "thing/refused", retryAfterMs: undefined });
    expect(fault.message.length).toBeLessThan(400);
  });

  test("Requester: a redirection is a refusal, for it would carry the token elsewhere", async () => {
    const { ask, asked } = setUp({
      one: (init) => {
        expect(init.redirect).toBe("manual");
        return new Response(null, { status: 302, headers: { Location: "http://two/" } });
      },
    });
    expect((await faultOf(ask())).code).toBe("thing/refused");
    expect(asked.length).toBe(1);
  });

  test("Requester: another shape, no JSON, or more than may come, is nonsense", async () => {
    for (const body of ["", "[]", '{"word":1}', "<html>"]) {
      const { ask } = setUp({ one: () => new Response(body) });
      expect((await faultOf(ask())).code).toBe("thing/nonsense");
    }
    const { requester } = setUp({ one: () => Response.json({ word: "x".repeat(1000) }) });
    const fault = await faultOf(requester.json("GET", "/word", shape, { maxBytes: 500 }));
    expect(fault.message).toBe("The answer is not one of Thing: it is longer than 500 bytes");
  });

  test("Requester: where something else answers, that is said, and its page is not shown", async () => {
    const page = (status: number) => () =>
      new Response("<!doctype html>", { status, headers: { "Content-Type": "text/html; charset=utf-8" } });
    const problem = (code: string) => () => Response.json({ code, detail: "Cannot find it" }, { status: 404 });
    const said = async (answer: Answer) => {
      const { code, kind, message } = await faultOf(setUp({ one: answer }).ask());
      return [kind, code, message];
    };
    const elsewhere = (status: number) => [
      "unavailable",
      "thing/nonsense",
      `Cannot use http://one/thing: it answered ${status}, as Thing would not; wanted where its routes begin, such as http://127.0.0.1:4100/thing`,
    ];
    for (const status of [404, 405]) expect(await said(page(status))).toEqual(elsewhere(status));
    expect(await said(problem("node/no-page"))).toEqual(elsewhere(404));
    for (const code of ["series/no-such-path", "hakmes/no-page", "console/method"])
      expect(await said(problem(code))).toEqual(elsewhere(404));
    expect((await said(page(200)))[2]).toContain("it answered 200, as Thing would not");
    // What the service says itself, or hands on, and what a proxy in front of it says.
    for (const code of ["thing/no-page", "other/not-found"])
      expect(await said(problem(code))).toEqual(["missing", code, "Cannot find it"]);
    expect(await said(page(502))).toEqual(["unavailable", "thing/refused", "Thing at http://one/thing answered 502"]);
  });

  test("Requester: silence is given up after its time, which may be longer where work is to be done", async () => {
    const silent: Answer = (init) =>
      new Promise((_, reject) => {
        init.signal?.addEventListener("abort", () => reject(init.signal?.reason), { once: true });
      });
    const { ask, clock, requester } = setUp({ one: silent }, 1000);
    const waiting = faultOf(ask());
    clock.advance(1001);
    expect(await waiting).toMatchObject({ kind: "timeout", code: "thing/unreachable" });
    const longer = faultOf(requester.ask("GET", "http://one/thing/word", requester.watch(undefined, 5000)));
    clock.advance(5999);
    expect(clock.waiting).toBe(1);
    clock.advance(2);
    expect((await longer).message).toBe("Cannot reach Thing at http://one/thing: it was silent for 6 s");
    expect(clock.waiting).toBe(0);
  });

  test("Requester: a caller that leaves ends it with its own reason", async () => {
    const leaving = new AbortController();
    const { requester } = setUp({
      one: () => {
        leaving.abort(new Error("had enough"));
        throw new Error("aborted");
      },
    });
    const asking = requester.json("GET", "/word", shape, { signal: leaving.signal });
    await expect(asking).rejects.toThrow("had enough");
  });
});

describe("reading", () => {
  const whole = new TextEncoder().encode("0123456789");
  const serve =
    (cutAfter: number[], sizes: number[] = []): Answer =>
    (init) => {
      const headers = new Headers(init.headers);
      const start = Number(/bytes=(\d+)-/.exec(headers.get("range") ?? "")?.[1] ?? 0);
      const part = whole.subarray(start, start + (cutAfter.shift() ?? 10));
      const size = sizes.shift() ?? whole.length;
      let isSent = false;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (isSent || part.length === 0)
            return start + part.length === 10 ? controller.close() : controller.error(new Error("reset"));
          isSent = true;
          controller.enqueue(part);
        },
      });
      return start === 0
        ? new Response(body, { headers: { "Content-Length": String(size) } })
        : new Response(body, { status: 206, headers: { "Content-Range": `bytes ${start}-9/${size}` } });
    };
  const read = async (answers: Record<string, Answer>, start = 0, end = Number.POSITIVE_INFINITY) => {
    const { requester } = setUp(answers);
    const brought: number[] = [];
    const options: ReadingOptions = {
      requester,
      path: "/x",
      start,
      end,
      signal: undefined,
      async again(thrown, broughtBytes) {
        brought.push(broughtBytes);
        if (brought.length > 5) throw thrown;
      },
      wrong: (reason) => new Fault("unavailable", "thing/wrong-bytes", reason),
    };
    const first = await openBody(options, start);
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of readBody(options, first)) text += decoder.decode(chunk);
    return { text, brought };
  };

  test("readBody: goes on at the byte it had come to, and tells how much each attempt brought", async () => {
    expect(await read({ one: serve([]) })).toEqual({ text: "0123456789", brought: [] });
    expect(await read({ one: serve([3, 0, 4]) })).toEqual({ text: "0123456789", brought: [3, 0, 4] });
    expect(await read({ one: serve([]) }, 4)).toEqual({ text: "456789", brought: [] });
  });

  test("readBody: two sizes, or more bytes than announced, are wrong; no way on is what the caller says", async () => {
    expect((await faultOf(read({ one: serve([3], [10, 11]) }))).message).toBe("two nodes disagree on their number");
    expect((await faultOf(read({ one: serve([], [9]) }))).code).toBe("thing/wrong-bytes");
    expect((await faultOf(read({ one: serve([0, 0, 0, 0, 0, 0, 0]) }))).code).toBe("thing/cut-short");
  });

  test("openBody: an answer that begins elsewhere than asked is nonsense", async () => {
    const elsewhere = () => new Response("x", { status: 206, headers: { "Content-Range": "bytes 0-0/10" } });
    expect((await faultOf(read({ one: elsewhere }, 4))).code).toBe("thing/nonsense");
  });
});
