/**
 * The same topics by long poll: `GET /poll?topic=…&since=…&token=…` answers at once with what came since, or waits for it.
 */
import type { Caller } from "../../../kit/service.ts";
import type { Publication } from "../publication.ts";
import { newConnection } from "./admission.ts";
import { json, numberOf } from "./answers.ts";
import { sinceOf, topicsOf } from "./asked.ts";
import { closeCodes, mayReconnect } from "./close-codes.ts";
import type { NewerParts } from "./newer-parts.ts";
import type { Rights } from "./rights.ts";
import { Subscriber } from "./subscriber.ts";

const maxWaitSeconds = 60;
/** A poll answers with about so many bytes, and the rest the next time. */
const pollBytes = 262_144;

/**
 * Answers `{publications, position, gap, gapPosition, more}` when there is something, or after `wait` seconds; without `since` at once, so
 * that one knows where to begin.
 */
export async function poll(
  parts: NewerParts,
  request: Request,
  caller: Caller,
  query: URLSearchParams,
  rights: Rights,
): Promise<Response> {
  const { admission, clock, hub } = parts;
  const interests = topicsOf(query, rights);
  const waitMs = numberOf(query, "wait", 25, maxWaitSeconds) * 1000;
  const since = sinceOf(request, query);
  const publications: Publication[] = [];
  let sizeBytes = 0;
  /** Where the order stood when it was told that something is missing. */
  let gapPosition: string | undefined;
  let ending: { code: number; reason: string } | undefined;
  let wake: (() => void) | undefined;
  const stir = () => wake?.();
  const outlet = {
    connection: newConnection(),
    publication(publication: Publication) {
      publications.push(publication);
      sizeBytes += publication.content.length;
      stir();
    },
    gap() {
      gapPosition = hub.position;
      stir();
    },
    // What is beyond that comes with the next one.
    room: () => Promise.resolve(sizeBytes < pollBytes / 2 && publications.length < 1000 && ending === undefined),
    presence: () => undefined,
  };
  const subscriber = new Subscriber(parts, outlet, rights);
  const finish = (code: number, reason: string) => {
    ending = { code, reason };
    stir();
  };
  const entry = {
    connection: outlet.connection,
    user: rights.user,
    address: admission.addressOf(request, caller),
    transport: "poll",
    since: clock.now(),
    topics: () => subscriber.words(),
    waitingBytes: () => sizeBytes,
    end: (reason: string) => finish(closeCodes.ended, reason),
  };
  const stoppable = { stop: () => finish(closeCodes.leaving, "the server stops") };
  // Before it counts as somebody who is here: a stop that comes meanwhile has to reach it, too.
  parts.connections.add(stoppable);
  try {
    await admission.enter(entry);
  } catch (thrown) {
    parts.connections.delete(stoppable);
    throw thrown;
  }
  try {
    const subscribed = await subscriber.subscribe(interests, { since });
    let { position } = subscribed;
    if (
      since !== undefined &&
      publications.length === 0 &&
      gapPosition === undefined &&
      ending === undefined &&
      waitMs > 0
    ) {
      const signal = caller.keepOpen();
      await new Promise<void>((resolve) => {
        const cancel = clock.schedule(waitMs, resolve);
        // What one turn brings is told together.
        wake = () => {
          wake = undefined;
          cancel();
          setImmediate(resolve);
        };
        if (signal.aborted) resolve();
        signal.addEventListener("abort", stir, { once: true });
      });
      ({ position } = hub);
    }
    if (ending) return json({ end: { ...ending, reconnect: mayReconnect(ending.code) } }, 409);
    let told = publications;
    if (sizeBytes > pollBytes) {
      let bytes = 0;
      const cut = publications.findIndex(({ content }) => (bytes += content.length) > pollBytes);
      told = publications.slice(0, Math.max(1, cut));
      const last = told.at(-1);
      // Of the present numbers, even where it is of former ones.
      if (last && told.length < publications.length) position = hub.after(last);
    }
    const more = subscribed.isCut === true || told.length < publications.length;
    return json({
      publications: told.map(({ address, at, content, position }) => ({ address, content, position, at })),
      position,
      gap: gapPosition !== undefined,
      ...(gapPosition === undefined ? {} : { gapPosition }),
      more,
    });
  } finally {
    parts.connections.delete(stoppable);
    subscriber.leave();
    admission.exit(entry);
  }
}
