import { afterAll, expect, test } from "bun:test";

import { createLog } from "../../kit/log.ts";
import { systemClock } from "../../kit/clock.ts";
import { signOfLife } from "./sign-of-life.ts";

const heard: string[] = [];
let answer: () => Response | Promise<Response> = () => new Response("ok");
const place = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    heard.push(`${request.method} ${new URL(request.url).pathname}`);
    return answer();
  },
});
afterAll(() => place.stop(true));

function make(path: string) {
  const lines: string[] = [];
  const ending = new AbortController();
  const log = createLog({ clock: systemClock, level: "debug", format: "json", write: (line) => void lines.push(line) });
  const url = `http://127.0.0.1:${place.port}${path}`;
  return { lines, ending, sign: signOfLife({ url, clock: systemClock, log, signal: ending.signal }) };
}

test("signOfLife: one at a time; what fails is said once, without the address, until one arrives", async () => {
  const { lines, sign } = make("/beat/secret-secret-secret");
  const held = Promise.withResolvers<Response>();
  answer = () => held.promise;
  for (let round = 0; round < 5; round++) sign.give();
  held.resolve(new Response("ok"));
  await sign.settled();
  expect(heard).toEqual(["GET /beat/secret-secret-secret"]);
  expect(sign.trouble()).toBeUndefined();
  for (const status of [404, 500, 302]) {
    answer = () => new Response(null, { status, headers: { Location: "/elsewhere" } });
    sign.give();
    await sign.settled();
    expect(sign.trouble()).toBe(`it was answered with status ${status}`);
  }
  expect(heard.some((line) => line.includes("elsewhere"))).toBe(false);
  expect(lines.length).toBe(1);
  expect(lines.join("")).not.toContain("secret");
  answer = () => new Response("ok");
  sign.give();
  await sign.settled();
  expect(sign.trouble()).toBeUndefined();
});

test("signOfLife: nobody there is a sentence, and one that is ended says nothing", async () => {
  const { ending, lines, sign } = make("/x");
  const held = Promise.withResolvers<Response>();
  answer = () => held.promise;
  sign.give();
  ending.abort();
  await sign.settled();
  held.resolve(new Response("ok"));
  expect([lines, sign.trouble()]).toEqual([[], undefined]);
});
