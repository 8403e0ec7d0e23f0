import { afterAll, describe, expect, test } from "bun:test";

import { sentStreamOf } from "./stream.ts";

const mebibyte = 2 ** 20;
const sizeBytes = 64 * mebibyte;

/** One buffer used again and again; every mebibyte of the whole has a value of its own. */
function source(count: number, failsAt = -1) {
  const state = { given: 0, isClosed: false };
  const chunks = async function* () {
    const buffer = new Uint8Array(mebibyte);
    try {
      for (; state.given < count; state.given++) {
        if (state.given === failsAt) throw new RangeError("cut on purpose");
        yield buffer.fill(state.given);
      }
    } finally {
      state.isClosed = true;
      buffer.fill(255);
    }
  };
  return { state, chunks: chunks() };
}

const running: { given: number; isClosed: boolean }[] = [];
const server = Bun.serve({
  port: 0,
  fetch(request) {
    const { state, chunks } = source(sizeBytes / mebibyte, new URL(request.url).pathname === "/cut" ? 20 : -1);
    running.push(state);
    return new Response(sentStreamOf(chunks));
  },
});
afterAll(() => server.stop(true));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("sentStreamOf", () => {
  test("all bytes arrive in order, though each chunk's memory is used again", async () => {
    const response = await fetch(server.url);
    let at = 0;
    let wrong = 0;
    for await (const piece of response.body ?? []) {
      for (let offset = 0; offset < piece.length; offset += 997) {
        if (piece[offset] !== ((at + offset) >> 20) % 256) wrong++;
      }
      at += piece.length;
    }
    await until(() => running.at(-1)?.isClosed === true);
    expect([at, wrong, running.at(-1)]).toEqual([sizeBytes, 0, { given: 64, isClosed: true }]);
  });

  test("a reader who stands still holds the source back, and one who leaves closes it", async () => {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: server.port ?? 0,
      socket: {
        open(opened) {
          opened.write("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
          opened.pause();
        },
        data() {},
      },
    });
    const started = running.length;
    await until(() => running.length > started || (running.at(-1)?.given ?? 64) < 64);
    const state = running.at(-1);
    // It has stopped when many looks in a row see the same.
    let looks = 0;
    let before = -1;
    await until(() => {
      looks = state?.given === before ? looks + 1 : 0;
      before = state?.given ?? -1;
      return looks > 50;
    });
    expect(state).toMatchObject({ isClosed: false });
    expect(before).toBeLessThan(64);
    socket.terminate();
    await until(() => state?.isClosed === true);
  });

  test("a source that fails cuts the connection, so that what came is not taken for all", async () => {
    const child = Bun.spawn(["curl", "-sS", "-o", "/dev/null", "-w", "%{size_download}", `${server.url}cut`], {
      stdout: "pipe",
      stderr: "ignore",
    });
    const came = Number(await new Response(child.stdout).text());
    expect(await child.exited).not.toBe(0);
    expect(came).toBeLessThanOrEqual(20 * mebibyte);
    await until(() => running.at(-1)?.isClosed === true);
    expect(running.at(-1)).toEqual({ given: 20, isClosed: true });
  });
});
