import { expect, test } from "bun:test";

import { Channel } from "./channel.ts";

const chunk = (size: number) => new Uint8Array(size).fill(7);

async function all(channel: Channel): Promise<number[]> {
  const sizes: number[] = [];
  for await (const part of channel) sizes.push(part.byteLength);
  return sizes;
}

test("Channel: gives the chunks in order and ends", async () => {
  const channel = new Channel(100);
  const reading = all(channel);
  channel.push(chunk(1));
  channel.push(chunk(2));
  await Promise.resolve();
  channel.push(chunk(3));
  channel.end();
  expect(await reading).toEqual([1, 2, 3]);
});

test("Channel.room: waits until the reader has taken enough", async () => {
  const channel = new Channel(10);
  channel.push(chunk(10));
  expect(channel.full).toBe(true);
  let roomy = false;
  const waiting = channel.room().then(() => {
    roomy = true;
  });
  await Promise.resolve();
  expect(roomy).toBe(false);
  const reader = channel[Symbol.asyncIterator]();
  await reader.next();
  await waiting;
  expect(channel.full).toBe(false);
});

test("Channel: a reader that goes away frees the writer, and what is pushed then is dropped", async () => {
  const channel = new Channel(10);
  channel.push(chunk(10));
  channel.push(chunk(10));
  const waiting = channel.room();
  for await (const _ of channel) break;
  await waiting;
  expect(channel.abandoned).toBe(true);
  channel.push(chunk(10));
  expect(channel.full).toBe(false);
});

test("Channel.fail: the reader sees the reason instead of an end, and never what was queued", async () => {
  const channel = new Channel(10);
  channel.push(chunk(10));
  const waiting = channel.room();
  channel.fail(new Error("the client went away"));
  await waiting;
  await expect(all(channel)).rejects.toThrow("the client went away");
  expect(channel.full).toBe(false);
});

test("Channel.fail: reaches a reader that waits", async () => {
  const channel = new Channel(10);
  const reading = all(channel);
  await Promise.resolve();
  channel.fail(new Error("cut"));
  await expect(reading).rejects.toThrow("cut");
});
