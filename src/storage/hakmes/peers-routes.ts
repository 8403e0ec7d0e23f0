/**
 * What other nodes may ask of this one, below `/peer/`. Whoever shows the secret of the cluster is one of them; without any
 * secret only callers from this machine are, and only those who may do everything anyway. What is not for them is 404.
 *
 *   GET  /peer/entry/{key}/                a file with its names, or how sure this node is that it never had it
 *   GET  /peer/changes/?after=&limit=      what this catalog learned, in order
 *   POST /peer/entries/                    entries to be taken
 */
import { z } from "zod";

import type { FailureLimit } from "../../kit/auth/failures.ts";
import { createSharedSecret } from "../../kit/auth/shared-secret.ts";
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { wholeText } from "../../kit/http/body.ts";
import type { Caller } from "../../kit/service.ts";
import { parseKey } from "../cask/client.ts";
import { entriesMax } from "./peers.ts";
import { type OwnAnswersParts, ownAnswers } from "./peers-answers.ts";
import { entriesJson, entriesShape } from "./peers-entry.ts";
import { secretHeader } from "./peers-http.ts";

/** What the routes stand on. */
export interface PeerRouteParts extends OwnAnswersParts {
  clock: Clock;
  /** The secrets with which other nodes may come; empty when none is configured. */
  secrets(): readonly string[];
  /** Counts wrong secrets by address. */
  failures: FailureLimit;
}

/** Bodies of entries are read up to this size. */
const maxBodyBytes = 16 * 1024 * 1024;
const pushShape = z.object({ entries: entriesShape });

/** The handler of everything below `/peer/`; `path` begins with that. Faults: `hakmes/secret`, `hakmes/no-page`. */
export function peerRoutes(
  parts: PeerRouteParts,
): (request: Request, caller: Caller, path: string) => Promise<Response> {
  const own = ownAnswers(parts);
  const secret = createSharedSecret({ secrets: parts.secrets, failures: parts.failures, service: "hakmes" });

  const entry = (text: string): Response => {
    const key = parseKey(text);
    if (key === undefined) throw new Fault("invalid", "hakmes/key", "Cannot look the file up: wanted a key");
    const answer = own.find(key);
    return Response.json("entries" in answer ? { entries: entriesJson(answer.entries) } : answer);
  };
  const changes = (query: URLSearchParams): Response => {
    const after = wholeNumber(query.get("after"), Number.MAX_SAFE_INTEGER);
    const page = own.changes(after, wholeNumber(query.get("limit"), entriesMax));
    return Response.json({ ...page, entries: entriesJson(page.entries) });
  };
  const take = async (request: Request): Promise<Response> => {
    const text = await wholeText(request, { maxBytes: maxBodyBytes, clock: parts.clock });
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (thrown) {
      throw badEntries(thrown);
    }
    const pushed = pushShape.safeParse(value);
    if (!pushed.success) throw badEntries(pushed.error);
    return Response.json({ entered: own.take(pushed.data.entries) });
  };

  return async (request, caller, path) => {
    // What a node says is proven is believed: without a secret that is for whoever may do everything here.
    const isTrusted = parts.secrets().length > 0 || caller.may("admin");
    if (!isTrusted || !secret.isPeer(request.headers.get(secretHeader) ?? "", caller)) {
      throw new Fault("forbidden", "hakmes/secret", "Cannot let you in: this is for nodes of the cluster");
    }
    const url = new URL(request.url);
    const [, , what, argument = "", rest] = path.split("/");
    if (request.method === "GET" && what === "entry" && rest === "") return entry(decoded(argument));
    if (request.method === "GET" && what === "changes" && argument === "") return changes(url.searchParams);
    if (request.method === "POST" && what === "entries" && argument === "") return take(request);
    throw new Fault("missing", "hakmes/no-page", "Cannot find that: there is no such page for nodes");
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function wholeNumber(text: string | null, max: number): number {
  const number = /^\d{1,16}$/.test(text ?? "") ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number) && number <= max) return number;
  throw new Fault(
    "invalid",
    "hakmes/changes",
    `Cannot list the changes: wanted whole numbers, a limit of ${max} at most`,
  );
}

function badEntries(cause: unknown): Fault {
  return new Fault("invalid", "hakmes/entries", "Cannot take the entries: wanted JSON as nodes send it", { cause });
}
