/**
 * How notes get to all nodes. A new one is sent to every other at once; each node also asks every other now and then for
 * what it does not have; and a node that has lost its file finds all notes again in Cask. The three can do the same thing
 * twice and in any order, as notes put themselves together alike everywhere.
 */
import { z } from "zod";

import type { Clock } from "../../kit/clock.ts";
import type { Cluster } from "../../kit/cluster.ts";
import { reasonOf } from "../../kit/fault.ts";
import { answerText } from "../../kit/http/answer-text.ts";
import type { Logger } from "../../kit/log.ts";
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import { checkedNote, type Note } from "./notes.ts";
import type { Notes } from "./notes-sqlite.ts";

/** What spreading stands on. */
export interface SpreadParts {
  notes: Notes;
  cluster: Cluster;
  clock: Clock;
  log: Logger;
  /** Of this cluster; empty when none is configured. */
  secret(): string;
  learn(notes: readonly Note[]): readonly Note[];
  /** @default the runtime's own */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

const pageShape = z.object({ id: z.string().max(64), notes: z.array(z.unknown()).max(1000), sequence: z.int().min(0) });
/** The header in which nodes show each other the secret they share. */
export const peerHeader = "X-Warren-Peer-Secret";
/** How many notes go in one answer. */
export const pageNotes = 500;
const askMs = 3000;
const followEveryMs = 60_000;
const answerBytesMax = 1024 * 1024;
/** Pages that one visit takes. */
const pagesMax = 200;

/** Sends notes to the other nodes, and asks them for theirs. */
export class NotesSpread {
  readonly #parts: SpreadParts;
  #nodesAsked = 0;

  constructor(parts: SpreadParts) {
    this.#parts = parts;
  }

  /** Sends a note to all others; whoever does not get it will ask for it. */
  send(note: Note): void {
    for (const { name, url } of this.#others()) {
      this.#ask(url, { method: "POST", body: JSON.stringify([note]) }).then(
        ({ status }) => {
          if (status !== 200) this.#parts.log.debug("A node did not take a note", { node: name, status });
        },
        (thrown: unknown) =>
          this.#parts.log.debug("A note could not be sent", { node: name, reason: reasonOf(thrown) }),
      );
    }
  }

  /** The work of asking the others. */
  work(): Work {
    return {
      name: "notes",
      summary: "asks the other nodes for notes on images that this one does not have",
      step: (signal) => this.#follow(signal),
      progress: () => ({ notes: this.#parts.notes.count(), nodes: this.#nodesAsked }),
    };
  }

  async #follow(signal: AbortSignal): Promise<WorkOutcome> {
    let asked = 0;
    for (const { url } of this.#others()) {
      if (signal.aborted) break;
      if (await this.#followOne(url)) asked++;
    }
    this.#nodesAsked = asked;
    return { waitMs: followEveryMs };
  }

  /** Takes over what one node has; false when it could not be asked. */
  async #followOne(url: string): Promise<boolean> {
    const { clock, learn, log, notes } = this.#parts;
    try {
      const top = await this.#page(url, "");
      let at = notes.followed(top.id);
      // The rest, should there be more, comes with the next visit: nobody keeps this node busy for ever.
      for (let pages = 0; at < top.sequence && pages < pagesMax; pages++) {
        const page = await this.#page(url, `?after=${at}`);
        if (page.id !== top.id || page.sequence <= at) break;
        learn(page.notes.flatMap((raw) => checkedNote(raw, clock.now()) ?? []));
        at = page.sequence;
        notes.follow(page.id, at);
      }
      return true;
    } catch (thrown) {
      log.debug("A node could not be asked for its notes", { url, reason: reasonOf(thrown) });
      return false;
    }
  }

  async #page(url: string, query: string): Promise<z.infer<typeof pageShape>> {
    const { status, text } = await this.#ask(url, { method: "GET" }, query);
    if (status !== 200) throw new Error(`It answered ${status}`);
    return pageShape.parse(JSON.parse(text));
  }

  /** The whole answer within the time, and no longer than it may be. */
  async #ask(url: string, init: RequestInit, query = ""): Promise<{ status: number; text: string }> {
    const late = new AbortController();
    const cancel = this.#parts.clock.schedule(askMs, () => late.abort());
    try {
      const secret = this.#parts.secret();
      const response = await (this.#parts.fetch ?? fetch)(`${url}/peer/notes/${query}`, {
        ...init,
        redirect: "manual",
        signal: late.signal,
        headers: { "Content-Type": "application/json", ...(secret === "" ? {} : { [peerHeader]: secret }) },
      });
      return { status: response.status, text: await answerText(response, { maxBytes: answerBytesMax, tooLong }) };
    } finally {
      cancel();
    }
  }

  #others(): { name: string; url: string }[] {
    return this.#parts.cluster.nodes().flatMap((node) => {
      const told = node.services.reticulum;
      return node.self || told === undefined || node.state !== "alive" ? [] : [{ name: node.name, url: told.url }];
    });
  }
}

const tooLong = () => new RangeError("Its answer is too long");
