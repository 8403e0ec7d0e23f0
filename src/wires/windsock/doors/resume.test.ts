/**
 * What a client misses while it is away: for any course of publications, disconnections and returns, by any of the three
 * ways, it hears each publication of interest exactly once and in order, or is told that something is missing.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { type Fixture, openDoors, RawClient } from "./fixture.ts";

const claims = { sub: "ann", subscribe: ["#"], publish: ["#"] };
const addresses = ["a", "a.b", "a.b.c", "z"];
const topics = ["a.#", "a.b"];
const heard = (address: string) => address.startsWith("a");

type Step = { publish: string } | "cut" | "return" | "breath";
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...addresses).map((publish) => ({ publish })) },
    { weight: 2, arbitrary: fc.constantFrom<Step>("cut", "return", "breath") },
  ),
  { maxLength: 40 },
);

/** What a client saw: contents in order, `gap` where it was told that something is missing. */
interface Ear {
  saw: (string | "gap")[];
  position: string;
  isHere: boolean;
  leave(): Promise<void>;
  come(): Promise<void>;
  settle(): Promise<void>;
}

function socketEar(doors: Fixture, start: string): Ear {
  let client: RawClient | undefined;
  let read = 0;
  const take = () => {
    const words = client?.heard.slice(read) ?? [];
    read += words.length;
    for (const each of words) {
      const word = each as Record<string, { content: string; position: string } | undefined>;
      if (word["gap"]) ear.saw.push("gap");
      if (word["push"]) ear.saw.push(word["push"].content);
      const at = word["push"] ?? word["ping"] ?? word["subscribe"];
      if (at) ear.position = at.position;
    }
  };
  const ear: Ear = {
    saw: [],
    position: start,
    isHere: false,
    async leave() {
      take();
      doors.cut();
      await client?.closed;
      client = undefined;
      ear.isHere = false;
    },
    async come() {
      client = new RawClient(`${doors.url}/connect/`);
      read = 0;
      await client.ask("connect", { token: doors.token(claims) });
      await client.ask("subscribe", { topics, since: ear.position });
      ear.isHere = true;
      take();
    },
    async settle() {
      await client?.ask("ping", {});
      take();
    },
  };
  return ear;
}

function pollEar(doors: Fixture, start: string): Ear {
  const ask = async () => {
    const query = topics.map((topic) => `topic=${encodeURIComponent(topic)}`).join("&");
    const url = `${doors.url}/poll?${query}&since=${ear.position}&wait=0&token=${doors.token(claims)}`;
    const answer = (await (await fetch(url)).json()) as {
      publications: { content: string }[];
      gap: boolean;
      position: string;
    };
    if (answer.gap) ear.saw.push("gap");
    for (const { content } of answer.publications) ear.saw.push(content);
    ear.position = answer.position;
  };
  const ear: Ear = {
    saw: [],
    position: start,
    isHere: false,
    async leave() {
      ear.isHere = false;
    },
    async come() {
      ear.isHere = true;
      await ask();
    },
    settle: ask,
  };
  return ear;
}

/** Reads events by hand, and knows only what a browser's EventSource would. */
function eventEar(doors: Fixture, start: string): Ear {
  let over: AbortController | undefined;
  let done: Promise<void> = Promise.resolve();
  let waiting: (() => void)[] = [];
  const take = (event: string) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(event)?.[1];
    const id = field("id");
    if (id !== undefined) ear.position = id;
    const kind = field("event") ?? "message";
    const data = field("data");
    if (kind === "gap") ear.saw.push("gap");
    else if (kind === "message" && data !== undefined) ear.saw.push((JSON.parse(data) as { content: string }).content);
    for (const wake of waiting.splice(0)) wake();
  };
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise<void>((resolve) => void waiting.push(resolve));
  };
  const ear: Ear = {
    saw: [],
    position: start,
    isHere: false,
    async leave() {
      over?.abort();
      await done;
      ear.isHere = false;
    },
    async come() {
      over = new AbortController();
      const query = topics.map((topic) => `topic=${encodeURIComponent(topic)}`).join("&");
      const response = await fetch(`${doors.url}/events?${query}&token=${doors.token(claims)}`, {
        headers: { "Last-Event-ID": ear.position },
        signal: over.signal,
      });
      let isWelcome = false;
      const read = async () => {
        let text = "";
        const decoder = new TextDecoder();
        try {
          for await (const chunk of response.body ?? []) {
            text += decoder.decode(chunk, { stream: true });
            for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
              const event = text.slice(0, end);
              text = text.slice(end + 2);
              if (event.includes("event: subscribed")) isWelcome = true;
              take(event);
            }
          }
        } catch (thrown) {
          if (!over?.signal.aborted) throw thrown;
        }
      };
      done = read();
      await until(() => isWelcome);
      ear.isHere = true;
    },
    async settle() {
      if (!ear.isHere) return;
      const mark = `mark ${crypto.randomUUID()}`;
      await doors.hub.publish({ address: "a.b", content: mark });
      await until(() => ear.saw.includes(mark));
      ear.saw = ear.saw.filter((content) => content !== mark);
    },
  };
  return ear;
}

const ways = { websocket: socketEar, sse: eventEar, poll: pollEar };

/** Runs a course and compares what was heard with what was said. */
async function run(way: keyof typeof ways, course: readonly Step[], kept: number): Promise<void> {
  await using doors = openDoors({ kept });
  const { hub } = doors;
  await hub.publish({ address: "z", content: "before" });
  const ear = ways[way](doors, hub.position);
  const said: string[] = [];
  await ear.come();
  for (const [at, step] of course.entries()) {
    if (step === "cut") {
      if (ear.isHere) await ear.leave();
    } else if (step === "return") {
      if (!ear.isHere) await ear.come();
    } else if (step === "breath") await ear.settle();
    else {
      await hub.publish({ address: step.publish, content: String(at) });
      if (heard(step.publish)) said.push(String(at));
    }
  }
  if (!ear.isHere) await ear.come();
  await ear.settle();
  const saw = ear.saw.filter((content) => content !== "gap" && !content.startsWith("mark "));
  expect(new Set(saw).size).toBe(saw.length);
  expect(saw).toEqual(said.filter((content) => saw.includes(content)));
  if (!ear.saw.includes("gap")) expect(saw).toEqual(said);
  // Enough was kept, so there was no reason for a gap.
  if (kept >= 100) expect(ear.saw).not.toContain("gap");
  if (ear.isHere) await ear.leave();
}

describe("resume", () => {
  for (const way of ["websocket", "sse", "poll"] as const) {
    test(`${way}: each publication exactly once and in order, however often the client is cut off`, async () => {
      await fc.assert(
        fc.asyncProperty(steps, (course) => run(way, course, 1000)),
        { numRuns: 40 },
      );
    }, 120_000);

    test(`${way}: where too little is kept, a gap is told and nothing comes twice`, async () => {
      await fc.assert(
        fc.asyncProperty(steps, (course) => run(way, course, 3)),
        { numRuns: 25 },
      );
    }, 120_000);

    test(`${way}: a long past comes whole and in order, with what is said while it comes`, async () => {
      await using doors = openDoors({ kept: 100_000 });
      const { hub } = doors;
      const ear = ways[way](doors, hub.position);
      const said: string[] = [];
      const say = async () => {
        const content = String(said.length).padEnd(400, ".");
        said.push(content);
        await hub.publish({ address: "a.b", content });
        await hub.publish({ address: "z", content });
      };
      for (let at = 0; at < 3000; at++) await say();
      const coming = ear.come();
      for (let at = 0; at < 100; at++) {
        await say();
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
      await coming;
      // A poll takes some of it at a time.
      do await ear.settle();
      while (ear.saw.length < said.length);
      expect(ear.saw).toEqual(said);
      await ear.leave();
    }, 120_000);
  }
});
