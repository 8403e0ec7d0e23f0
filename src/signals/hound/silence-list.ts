/** The silences that last: on disk, and read for every round. One that cannot be read is refused before it is kept. */
import type { BelievedTime } from "../../kit/believed-time.ts";
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { KeptFile } from "./kept.ts";
import { type Matcher, parseMatcher } from "./matcher.ts";
import type { Silence } from "./standing.ts";

const longestMs = 3660 * 86_400_000;
/** More are no help to anybody, and each is looked at for everything that fails. */
const silencesMax = 2000;
const lingerMs = 7 * 86_400_000;

/** Silences. */
export class SilenceList {
  readonly #clock: Clock;
  readonly #believed: BelievedTime;
  readonly #kept: KeptFile;
  readonly #makeId: () => string;
  #list: { silence: Silence; matcher: Matcher }[];

  constructor(parts: { clock: Clock; believed: BelievedTime; kept: KeptFile; makeId(): string }) {
    this.#clock = parts.clock;
    this.#believed = parts.believed;
    this.#kept = parts.kept;
    this.#makeId = parts.makeId;
    this.#list = parts.kept
      .silences(parts.believed.now())
      .map((silence) => ({ silence, matcher: parseMatcher(silence.matcher) }));
  }

  /** What is silent at an instant. */
  matchers(at: number): { matcher: Matcher; untilAt: number }[] {
    return this.#list
      .filter(({ silence }) => silence.untilAt > at)
      .map(({ matcher, silence }) => ({ matcher, untilAt: silence.untilAt }));
  }

  /** Those that have not ended, soonest to end first. */
  lasting(): Silence[] {
    const at = this.#clock.now();
    // A clock may be set forth for a while: what it ends is let go of later.
    this.#list = this.#list.filter(({ silence }) => silence.untilAt > this.#believed.now() - lingerMs);
    return this.#list.map(({ silence }) => silence).filter(({ untilAt }) => untilAt > at);
  }

  /** Adds one. Fault `hound/silence` (invalid). */
  add(wanted: { matcher: string; untilAt: number; by: string; comment: string }): Silence {
    const fromAt = this.#clock.now();
    const matcher = matcherOf(wanted.matcher);
    if (!(wanted.untilAt > fromAt) || !Number.isSafeInteger(wanted.untilAt))
      throw new Fault("invalid", "hound/silence", "Cannot silence: wanted an end that is later than now");
    if (wanted.untilAt - fromAt > longestMs)
      throw new Fault("invalid", "hound/silence", "Cannot silence: wanted an end within ten years");
    if (this.lasting().length >= silencesMax)
      throw new Fault(
        "limited",
        "hound/silence",
        `Cannot silence: there are ${silencesMax} silences already, end some`,
      );
    const silence: Silence = {
      id: this.#makeId(),
      matcher: wanted.matcher,
      fromAt,
      untilAt: wanted.untilAt,
      by: wanted.by.slice(0, 200),
      comment: wanted.comment.slice(0, 1000),
    };
    this.#kept.putSilence(silence);
    this.#list.push({ silence, matcher });
    this.#list.sort((one, other) => one.silence.untilAt - other.silence.untilAt);
    return silence;
  }

  /** Ends one and gives it back; undefined when there is none of that id. */
  end(id: string): Silence | undefined {
    const at = this.#clock.now();
    const found = this.#list.find(({ silence }) => silence.id === id && silence.untilAt > at);
    if (!found) return undefined;
    this.#kept.putSilence({ ...found.silence, untilAt: at });
    this.#list = this.#list.filter((one) => one !== found);
    return found.silence;
  }
}

function matcherOf(text: string): Matcher {
  try {
    return parseMatcher(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new Fault("invalid", "hound/silence", thrown.message);
  }
}
