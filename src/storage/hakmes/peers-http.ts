/**
 * Another Hakmes over HTTP, by the routes below `/peer/` that only Hakmes have. Every request shows the secret that the
 * nodes of the cluster derive for this. Answers are hostile until checked: sizes and shapes are bounded here, contents by
 * whoever enters them.
 */
import { z } from "zod";

import { Fault } from "../../kit/fault.ts";
import { answerText } from "../../kit/http/answer-text.ts";
import type { Key } from "../cask/client.ts";
import { entriesJson, entriesShape } from "./peers-entry.ts";
import type { HakmesNode, Peer, PeerAnswer, PeerChanges } from "./peers.ts";

/** The header in which nodes show each other the secret they share. */
export const secretHeader = "X-Hakmes-Cluster-Secret";
/** The purpose for which the secret is derived. */
export const secretPurpose = "hakmes peers";
/** Answers are read up to this size. */
const maxAnswerBytes = 16 * 1024 * 1024;

const answerShape = z.union([
  z.object({ entries: entriesShape.min(1) }),
  z.object({ isCertain: z.boolean() }),
]) satisfies z.ZodType<PeerAnswer>;
const sequenceShape = z.int().min(0);
const changesShape = z.object({
  catalog: z.string().min(1).max(64),
  sequence: sequenceShape,
  upTo: sequenceShape,
  entries: entriesShape,
}) satisfies z.ZodType<PeerChanges>;
const enteredShape = z.object({ entered: sequenceShape });

/** A Peer over HTTP. `secret` is asked for at each request. */
export function httpPeer(node: HakmesNode, secret: () => string): Peer {
  const ask = async <T>(
    method: string,
    path: string,
    signal: AbortSignal,
    shape: z.ZodType<T>,
    body?: string,
  ): Promise<T> => {
    const response = await request(node, method, path, signal, secret(), body);
    const text = await boundedText(node, response);
    if (response.status !== 200) throw refusal(node, response.status, text);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (thrown) {
      throw nonsense(node, path, thrown);
    }
    const parsed = shape.safeParse(value);
    if (!parsed.success) throw nonsense(node, path, parsed.error);
    return parsed.data;
  };
  return {
    node,
    async push(entries, signal) {
      await ask("POST", "/peer/entries/", signal, enteredShape, JSON.stringify({ entries: entriesJson(entries) }));
    },
    find: (key: Key, signal) => ask("GET", `/peer/entry/${key}/`, signal, answerShape),
    changes: (after, limit, signal) => ask("GET", `/peer/changes/?after=${after}&limit=${limit}`, signal, changesShape),
  };
}

async function request(
  node: HakmesNode,
  method: string,
  path: string,
  signal: AbortSignal,
  secret: string,
  body?: string,
): Promise<Response> {
  try {
    return await fetch(`${node.url}${path}`, {
      method,
      signal,
      redirect: "manual",
      // To unpack what a liar has packed would only cost time and memory.
      decompress: false,
      headers: {
        "Accept-Encoding": "identity",
        Accept: "application/json",
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        [secretHeader]: secret,
      },
      ...(body === undefined ? {} : { body }),
    });
  } catch (thrown) {
    throw signal.aborted && signal.reason instanceof Fault ? signal.reason : unreachable(node, thrown);
  }
}

async function boundedText(node: HakmesNode, response: Response): Promise<string> {
  const tooLong = () => nonsense(node, "it", `more than ${maxAnswerBytes} bytes`);
  try {
    return await answerText(response, { maxBytes: maxAnswerBytes, tooLong });
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : unreachable(node, thrown);
  }
}

function unreachable(node: HakmesNode, cause: unknown): Fault {
  return new Fault("unavailable", "hakmes/peer-unreachable", `Cannot reach node ${node.id}`, { cause });
}

function refusal(node: HakmesNode, status: number, text: string): Fault {
  const code = status === 403 ? "hakmes/peer-secret" : "hakmes/peer-refused";
  return new Fault("unavailable", code, `Node ${node.id} answered ${status}: ${text.trim().slice(0, 200)}`);
}

function nonsense(node: HakmesNode, path: string, cause: unknown): Fault {
  return new Fault("unavailable", "hakmes/peer-nonsense", `Node ${node.id} answered nonsense at ${path}`, { cause });
}
