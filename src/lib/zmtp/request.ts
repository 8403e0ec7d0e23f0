/** REQ and REP: a question, an answer, one after the other. */
import { settle, type SettledOptions, type SocketOptions } from "./options.ts";
import type { Peer } from "./peer.ts";
import { ZmtpError } from "./protocol-error.ts";
import { ZmtpSocket } from "./socket.ts";

const delimiter = Buffer.alloc(0);

/** Answers a question; the frames of the question are valid only until the first await. */
export type Answerer = (
  question: readonly Buffer[],
  peer: Peer,
) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;

/** Questions of one peer that wait for the answers to those before them. */
interface Course {
  waiting: { envelope: readonly Buffer[]; question: readonly Buffer[] }[];
  waitingBytes: number;
  isBusy: boolean;
}

/** So many questions of one peer are held, or so many bytes of them; then no more are read from it. */
const maxWaiting = 1000;
const maxWaitingBytes = 1 << 20;

/**
 * Answers questions: in the order of their coming for each peer, of all peers at once. A REP, which suits REQ and DEALER.
 * Answers to peers that are gone are dropped.
 */
export class Replier extends ZmtpSocket {
  readonly #answerer: Answerer;
  readonly #courses = new Map<Peer, Course>();
  #malformed = 0;

  /** `answer` must not throw: what went wrong is an answer too. Where it does, the peer is dropped. */
  constructor(options: SocketOptions & { answer: Answerer }) {
    super("REP", settle(options));
    this.#answerer = options.answer;
  }

  /** Messages without the empty frame that ends an envelope; they were dropped. */
  get malformed(): number {
    return this.#malformed;
  }

  /** Peers whose handshake is done. */
  get peers(): number {
    return this.#courses.size;
  }

  protected override joined(peer: Peer): void {
    this.#courses.set(peer, { waiting: [], waitingBytes: 0, isBusy: false });
  }

  protected override left(peer: Peer): void {
    this.#courses.delete(peer);
  }

  protected override heard(peer: Peer, frames: readonly Buffer[]): void {
    const course = this.#courses.get(peer);
    const end = frames.findIndex((frame) => frame.length === 0);
    if (!course || end < 0) {
      this.#malformed++;
      return;
    }
    const [envelope, question] = [frames.slice(0, end + 1), frames.slice(end + 1)];
    if (!course.isBusy) {
      this.#answer(peer, course, envelope, question);
      return;
    }
    course.waiting.push({ envelope: envelope.map(copyOf), question: question.map(copyOf) });
    course.waitingBytes += bytesOf(frames);
    if (isFull(course)) peer.hold(true);
  }

  #answer(peer: Peer, course: Course, envelope: readonly Buffer[], question: readonly Buffer[]): void {
    let answer: readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
    try {
      answer = this.#answerer(question, peer);
    } catch (thrown) {
      peer.fail(asError(thrown));
      return;
    }
    if (!(answer instanceof Promise)) {
      peer.send([...envelope, ...answer]);
      return;
    }
    course.isBusy = true;
    const kept = envelope.map(copyOf);
    answer.then(
      (frames) => {
        peer.send([...kept, ...frames]);
        course.isBusy = false;
        this.#goOn(peer, course);
      },
      (thrown: unknown) => peer.fail(asError(thrown)),
    );
  }

  #goOn(peer: Peer, course: Course): void {
    while (!course.isBusy) {
      const next = course.waiting.shift();
      if (!next) return;
      course.waitingBytes -= bytesOf(next.envelope) + bytesOf(next.question);
      if (!isFull(course)) peer.hold(false);
      this.#answer(peer, course, next.envelope, next.question);
    }
  }
}

/** A question on its way. */
interface Asked {
  frames: readonly Uint8Array[];
  resolve(answer: Buffer[]): void;
  reject(error: Error): void;
}

/**
 * Asks questions, one after the other, of whichever peer is next. A REQ, which suits REP and ROUTER. A question whose
 * peer is lost, or which takes too long, fails: whether it was heard is not known, and asking again is the caller's to
 * decide. The connection is then made anew, so that a late answer is never taken for one to another question.
 */
export class Requester extends ZmtpSocket {
  readonly #options: SettledOptions;
  readonly #ready: Peer[] = [];
  readonly #waiting: Asked[] = [];
  /** Of questions that have no answer yet. */
  #waitingBytes = 0;
  #asked: { peer: Peer; asked: Asked } | undefined;
  #closed = false;

  constructor(options: SocketOptions) {
    const settled = settle(options);
    super("REQ", settled);
    this.#options = settled;
  }

  /** Peers whose handshake is done. */
  get peers(): number {
    return this.#ready.length;
  }

  /** Asks, and gives the answer. Rejects with {@link ZmtpError} as the class says, and for the time it may take in all. */
  async request(frames: readonly Uint8Array[], timeoutMs: number): Promise<Buffer[]> {
    if (this.#closed) throw new ZmtpError("The socket is closed");
    const { highWaterMark, maxWaitingBytes: maxBytes } = this.#options;
    // What waits already is what counts: a long one is not refused for a short one before it.
    if (this.#waiting.length >= highWaterMark || this.#waitingBytes >= maxBytes) {
      throw new ZmtpError("Too many questions wait already");
    }
    const { promise, resolve, reject } = Promise.withResolvers<Buffer[]>();
    const asked: Asked = { frames, resolve, reject };
    const cancel = this.#options.clock.schedule(timeoutMs, () => {
      const late = new ZmtpError(`No answer within ${timeoutMs} ms`);
      if (this.#asked?.asked === asked) this.#asked.peer.fail(late);
      else {
        const at = this.#waiting.indexOf(asked);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(late);
      }
    });
    this.#waiting.push(asked);
    this.#waitingBytes += bytesOf(frames);
    this.#ask();
    try {
      return await promise;
    } finally {
      cancel();
      this.#waitingBytes -= bytesOf(frames);
    }
  }

  /** Ends everything; questions on their way fail. */
  override close(): void {
    this.#closed = true;
    super.close();
    for (const asked of this.#waiting.splice(0)) asked.reject(new ZmtpError("The socket was closed"));
  }

  protected override joined(peer: Peer): void {
    this.#ready.push(peer);
    this.#ask();
  }

  protected override heard(peer: Peer, frames: readonly Buffer[]): void {
    if (this.#asked?.peer !== peer || frames[0]?.length !== 0) return;
    const { asked } = this.#asked;
    this.#asked = undefined;
    asked.resolve(frames.slice(1).map(copyOf));
    this.#ask();
  }

  protected override roomed(): void {
    this.#ask();
  }

  protected override left(peer: Peer, error: Error | undefined): void {
    const at = this.#ready.indexOf(peer);
    if (at >= 0) this.#ready.splice(at, 1);
    if (this.#asked?.peer !== peer) return;
    const { asked } = this.#asked;
    this.#asked = undefined;
    asked.reject(error ?? new ZmtpError("The peer closed the connection before it answered"));
    this.#ask();
  }

  #ask(): void {
    if (this.#asked || this.#closed) return;
    const [asked] = this.#waiting;
    if (!asked) return;
    for (let tries = this.#ready.length; tries > 0; tries--) {
      const peer = this.#ready.shift();
      if (!peer) return;
      this.#ready.push(peer);
      if (!peer.hasRoom) continue;
      this.#waiting.shift();
      this.#asked = { peer, asked };
      peer.send([delimiter, ...asked.frames]);
      return;
    }
  }
}

function isFull({ waiting, waitingBytes }: Course): boolean {
  return waiting.length >= maxWaiting || waitingBytes >= maxWaitingBytes;
}

function bytesOf(frames: readonly Uint8Array[]): number {
  return frames.reduce((sum, { length }) => sum + length, 0);
}

function copyOf(frame: Buffer): Buffer {
  return Buffer.from(frame);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
