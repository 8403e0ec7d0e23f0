/**
 * The same topics as server-sent events: `GET /events?topic=…&prefix=…&token=…`. Each publication is an event whose id is
 * its position, so that the browser's own Last-Event-ID goes on from there; beats are comments with the id of the place
 * that the order has reached, which a browser keeps without any event. Beside `message` there are the events `welcome`,
 * `subscribed`, `gap`, `change` and, last of all, `end` with a code of close-codes.ts. Source: WHATWG HTML, section 9.2.
 */
import { reasonOf } from "../../../kit/fault.ts";
import type { Caller } from "../../../kit/service.ts";
import type { PresenceChange } from "../hub.ts";
import type { Publication } from "../publication.ts";
import { newConnection } from "./admission.ts";
import { crossOrigin } from "./answers.ts";
import { infoOf, sinceOf, topicsOf } from "./asked.ts";
import { closeCodes, mayReconnect } from "./close-codes.ts";
import { infoText, publicationJson } from "./command.ts";
import type { NewerParts } from "./newer-parts.ts";
import { Outbox, type OutboxOwner } from "./outbox.ts";
import { changeJson } from "./present.ts";
import type { Rights } from "./rights.ts";
import type { Entry } from "./roster.ts";
import { type Outlet, Subscriber } from "./subscriber.ts";

const retryMs = 2000;
const portionBytes = 65_536;
/** Who takes nothing of what waits for so long is cut. */
const stalledMs = 60_000;
/** Who is told to go has so long to take it. */
const farewellMs = 5000;

/** Answers with a stream of events. Faults as of Admission.enter and Subscriber.subscribe. */
export async function openEvents(
  parts: NewerParts,
  request: Request,
  caller: Caller,
  query: URLSearchParams,
  rights: Rights,
): Promise<Response> {
  const address = parts.admission.addressOf(request, caller);
  const stream = new EventStream(parts, rights, address, infoText(infoOf(query)));
  await stream.open(request, query);
  return new Response(stream.body(caller.keepOpen()), {
    headers: { ...crossOrigin, "Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no" },
  });
}

class EventStream implements Outlet, OutboxOwner, Entry {
  readonly connection = newConnection();
  readonly transport = "sse";
  readonly address: string;
  readonly since: number;
  readonly user: string;
  readonly #parts: NewerParts;
  readonly #rights: Rights;
  readonly #outbox: Outbox;
  readonly #subscriber: Subscriber;
  readonly #encoder = new TextEncoder();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wake: (() => void) | undefined;
  #room: (() => void) | undefined;
  readonly #goesBack = Promise.withResolvers<void>();
  /** What is said at the end, once there is one. */
  #farewell: string | undefined;
  #isOver = false;
  #tookAtMs = 0;
  #undo: (() => void)[] = [];

  constructor(parts: NewerParts, rights: Rights, address: string, info: string | undefined) {
    const { clock, limits } = parts;
    this.address = address;
    this.since = clock.now();
    this.#tookAtMs = clock.monotonicMs();
    this.user = rights.user;
    this.#parts = parts;
    this.#rights = rights;
    this.#outbox = new Outbox(limits.waitingBytes, this);
    this.#subscriber = new Subscriber(parts, this, rights, info);
  }

  topics(): readonly string[] {
    return this.#subscriber.words();
  }

  waitingBytes(): number {
    return this.#outbox.waitingBytes;
  }

  /** Ends it by order. */
  end(reason: string): void {
    this.#finish(closeCodes.ended, reason);
  }

  publication(publication: Publication, isMissed: boolean): void {
    this.#outbox.put({
      text: () => `id: ${publication.position}\ndata: ${publicationJson(publication)}\n\n`,
      sizeBytes: publication.address.length + publication.content.length + 120,
      isAsked: isMissed,
    });
  }

  gap(): void {
    this.#put(eventText("gap", { position: this.#parts.hub.position }), true);
  }

  presence(address: string, change: PresenceChange): void {
    const text = changeJson(address, change);
    this.#outbox.put({
      text: () => `event: change\ndata: ${text}\n\n`,
      sizeBytes: text.length + 22,
      isAsked: false,
    });
  }

  overflowed(): void {
    this.#finish(closeCodes.slow, "you take messages too slowly; go on from the last one you saw");
  }

  /** Enters, and goes back to where the client was. */
  async open(request: Request, query: URLSearchParams): Promise<void> {
    const { admission, log, pingMs } = this.#parts;
    const { user } = this;
    await admission.enter(this);
    try {
      const since = sinceOf(request, query);
      this.#put(`retry: ${retryMs}\n\n${eventText("welcome", { connection: this.connection, user, pingMs })}`, true);
      const whole = this.#subscribe(query, since);
      const isGoingBack = await Promise.race([whole.then(() => false), this.#goesBack.promise.then(() => true)]);
      // What was missed goes out while it is told; refusals were said by now.
      if (isGoingBack) {
        whole.catch((thrown: unknown) => {
          log.error("What was missed could not be told", { reason: reasonOf(thrown) });
          this.#finish(closeCodes.away, "what was missed could not be told");
        });
      }
    } catch (thrown) {
      this.#end();
      throw thrown;
    }
  }

  async #subscribe(query: URLSearchParams, since: string | undefined): Promise<void> {
    const subscriber = this.#subscriber;
    const topics = topicsOf(query, this.#rights);
    for (const address of query.getAll("enter")) subscriber.enter(address);
    for (const address of query.getAll("watch")) subscriber.watch(address);
    const { isCut, position, recovered } = await subscriber.subscribe(topics, { since });
    if (isCut) return;
    // After what was missed: whoever has this id has that, too.
    const subscribed = eventText("subscribed", { position, ...(since === undefined ? {} : { recovered }) });
    this.#put(`id: ${position}\n${subscribed}`, true);
  }

  /** See {@link Outlet}: when all that was told is on its way. */
  async room(): Promise<boolean> {
    this.#goesBack.resolve();
    while (!this.#isOver && this.#farewell === undefined) {
      if (this.#outbox.askedBytes < portionBytes) return true;
      await new Promise<void>((resolve) => {
        this.#room = resolve;
      });
    }
    return false;
  }

  #makeRoom(): void {
    const room = this.#room;
    this.#room = undefined;
    room?.();
  }

  /** What is sent until the reader leaves, or has to. */
  body(signal: AbortSignal): ReadableStream<Uint8Array> {
    const { clock, connections, pulse } = this.#parts;
    const { expiresAt } = this.#rights;
    const end = () => this.#end();
    const stoppable = { stop: () => this.#finish(closeCodes.leaving, "the server stops") };
    connections.add(stoppable);
    pulse.join(this);
    this.#undo.push(
      () => connections.delete(stoppable),
      () => signal.removeEventListener("abort", end),
      () => pulse.leave(this),
    );
    if (expiresAt !== undefined) {
      this.#undo.push(
        clock.schedule(expiresAt - clock.now(), () => {
          this.#finish(closeCodes.expired, "the token has expired; connect again with a fresh one");
        }),
      );
    }
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: (controller) => this.#send(controller),
        cancel: end,
      },
      { highWaterMark: 0 },
    );
  }

  async #send(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (!this.#isOver && this.#farewell === undefined && this.#outbox.isEmpty) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#tookAtMs = this.#parts.clock.monotonicMs();
    const text = this.#outbox.take(portionBytes, "");
    this.#makeRoom();
    if (text !== undefined) {
      controller.enqueue(this.#encoder.encode(text));
      return;
    }
    if (this.#farewell !== undefined && !this.#isOver) controller.enqueue(this.#encoder.encode(this.#farewell));
    this.#controller = undefined;
    controller.close();
    this.#end();
  }

  /** See {@link Pulse}. */
  beat(): void {
    const { clock } = this.#parts;
    if (!this.#parts.isGood(this.#rights)) {
      const hasExpired = (this.#rights.expiresAt ?? Infinity) < clock.now();
      this.#finish(hasExpired ? closeCodes.expired : closeCodes.token, "the token is good no more");
    } else if (this.#outbox.isEmpty) this.#put(`: still here\nid: ${this.#subscriber.position}\n\n`);
    else if (clock.monotonicMs() - this.#tookAtMs > stalledMs) this.overflowed();
  }

  #put(text: string, isAsked = false): void {
    this.#outbox.put({ text: () => text, sizeBytes: text.length, isAsked });
  }

  stirred(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Says why, after what waits; who does not take it is cut off. */
  #finish(code: number, reason: string): void {
    if (this.#isOver || this.#farewell !== undefined) return;
    this.#farewell = eventText("end", { code, reason, reconnect: mayReconnect(code) });
    this.#subscriber.leave();
    this.stirred();
    this.#makeRoom();
    this.#undo.push(
      this.#parts.clock.schedule(farewellMs, () => {
        const controller = this.#controller;
        this.#controller = undefined;
        this.#end();
        controller?.error(new Error(reason));
      }),
    );
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const undo of this.#undo) undo();
    this.#undo = [];
    this.#subscriber.leave();
    this.#outbox.end();
    this.#parts.admission.exit(this);
    this.stirred();
    this.#makeRoom();
  }
}

function eventText(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
