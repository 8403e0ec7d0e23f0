/**
 * The program that decodes images, in a process of its own: reads one request after another from its standard input, writes
 * each answer to its standard output, and ends when the input does. While it waits it is blocked in a read, and costs no
 * processor time. It holds no state between jobs, so that it may be killed at any instant.
 */
import { reasonOf } from "../../../kit/fault.ts";
import { fill, writeAll } from "../../../kit/standard-pipes.ts";
import { shelfDescriptor } from "../engine-shelf.ts";
import { encodeHead, parsePrefix, prefixSizeBytes } from "./frame.ts";
import { openLibrary, type Sharp } from "./library.ts";
import type { DecoderAnswer, DecoderRequest } from "./message.ts";
import { prepareNative } from "./native.ts";
import { probe } from "./probe.ts";
import { takeLowRank } from "./rank.ts";
import { Refusal } from "./refusal.ts";
import { render } from "./render.ts";

/** A buffer for sources that has grown beyond this is not kept for the next one. */
const keptSizeBytes = 16 * 2 ** 20;
/** Bodies up to this size are copied behind their head. */
const joinedBytesMax = 256 * 1024;
/** Between looks at this process's own memory. */
const rssLookMs = 100;
const nothing = new Uint8Array();

/** Serves until the input ends. `folder` is where a single executable unpacks what it carries. */
export async function runDecoder([folder = ""]: readonly string[]): Promise<void> {
  // Ctrl-C and systemd signal everyone at once; the engine still needs its decoders to finish what is at hand.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
  takeLowRank();
  let sharp: Sharp;
  try {
    prepareNative(folder);
    sharp = await openLibrary();
  } catch (thrown) {
    write({ kind: "unready", reason: reasonOf(thrown).slice(0, 4000) }, nothing);
    process.exit(1);
  }
  write({ kind: "ready", sharp: sharp.versions.sharp, vips: sharp.versions.vips }, nothing);
  const prefix = new Uint8Array(prefixSizeBytes);
  let buffer = new Uint8Array(2 ** 20);
  for (;;) {
    if (!fill(prefix)) process.exit(0);
    const { headSizeBytes, bodySizeBytes } = parsePrefix(prefix, 2 ** 32 - 1);
    const head = new Uint8Array(headSizeBytes);
    if (bodySizeBytes > buffer.byteLength) buffer = new Uint8Array(bodySizeBytes);
    const body = buffer.subarray(0, bodySizeBytes);
    if (!fill(head) || !fill(body)) process.exit(0);
    const request = JSON.parse(new TextDecoder().decode(head)) as DecoderRequest;
    const source = request.shared === undefined ? body : sharedSource(request.shared);
    const { answer, bytes } = await work(sharp, request, source);
    write(answer, bytes);
    if (buffer.byteLength > keptSizeBytes) buffer = new Uint8Array(2 ** 20);
  }
}

const shelves: Uint8Array[] = [];

/** The beginning of memory that the engine shares with this process; it is looked at anew when it has grown. */
function sharedSource({ shelf, sizeBytes }: { shelf: number; sizeBytes: number }): Uint8Array {
  let seen = shelves[shelf];
  if (seen === undefined || seen.byteLength < sizeBytes)
    seen = shelves[shelf] = Bun.mmap(`/proc/self/fd/${shelfDescriptor + shelf}`);
  return seen.subarray(0, sizeBytes);
}

async function work(
  sharp: Sharp,
  request: DecoderRequest,
  source: Uint8Array,
): Promise<{ answer: DecoderAnswer; bytes: Uint8Array }> {
  const { id } = request;
  try {
    if (request.kind === "probe") {
      const facts = await probe(sharp, source, request.limits);
      return { answer: { kind: "probed", id, facts, rssBytes: rssBytes() }, bytes: nothing };
    }
    const { bytes, ...made } = await render(sharp, source, request);
    return { answer: { kind: "rendered", id, ...made, rssBytes: rssBytes() }, bytes };
  } catch (thrown) {
    const code = thrown instanceof Refusal ? thrown.code : "failed";
    const message = thrown instanceof Refusal ? thrown.message : "Cannot make the image: the decoder failed";
    const reason = reasonOf(thrown).slice(0, 4000);
    return { answer: { kind: "refused", id, code, message, reason, rssBytes: rssBytes() }, bytes: nothing };
  }
}

/** Writes an answer; a short one at once, so that its reader is woken once. */
function write(answer: DecoderAnswer, body: Uint8Array): void {
  const head = encodeHead(answer, body.byteLength);
  const parts = body.byteLength <= joinedBytesMax ? [Buffer.concat([head, body])] : [head, body];
  for (const part of parts) writeAll(part);
}

let rss = { atMs: Number.NEGATIVE_INFINITY, bytes: 0 };

/** Resident memory, seen a moment ago at most: what makes it grow by much takes longer than that. */
function rssBytes(): number {
  const atMs = performance.now();
  if (atMs - rss.atMs > rssLookMs) rss = { atMs, bytes: process.memoryUsage.rss() };
  return rss.bytes;
}
