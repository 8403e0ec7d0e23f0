/**
 * Who makes new names: by the beginning of the name and by the address that sent it. Both lists are bounded, so that one
 * who invents names cannot fill this memory either; what finds no place any more is counted under `(others)`.
 */
import { detached } from "./detached.ts";

/** A maker of names. */
export interface Maker {
  /** The beginning of the names, such as `api.requests`, or an address. */
  readonly who: string;
  /** Names that were made. */
  made: number;
  /** Names that were not taken, because there were enough. Counts every attempt. */
  refused: number;
}

const listMax = 500;
const othersName = "(others)";

/** The makers of names since the start. */
export class Makers {
  readonly #prefixes = new Map<string, Maker>();
  readonly #senders = new Map<string, Maker>();

  /** A name was made or refused. */
  note(name: string, sender: string, isRefused: boolean): void {
    for (const maker of [entryOf(this.#prefixes, beginningOf(name)), entryOf(this.#senders, sender)]) {
      if (isRefused) maker.refused++;
      else maker.made++;
    }
  }

  /** Those who made or tried to make the most, most first. */
  top(by: "name" | "sender", count: number): Maker[] {
    return [...(by === "name" ? this.#prefixes : this.#senders).values()]
      .sort((left, right) => right.made + right.refused - (left.made + left.refused))
      .slice(0, count);
  }
}

function entryOf(list: Map<string, Maker>, wanted: string): Maker {
  const who = list.has(wanted) || list.size < listMax ? wanted : othersName;
  let maker = list.get(who);
  if (!maker) {
    maker = { who: detached(who), made: 0, refused: 0 };
    list.set(maker.who, maker);
  }
  return maker;
}

/** Its first two parts, of three or more; its first, of two. */
function beginningOf(name: string): string {
  const end = name.indexOf(";");
  const bare = end < 0 ? name : name.slice(0, end);
  const first = bare.indexOf(".");
  if (first < 0) return bare.slice(0, 60);
  const second = bare.indexOf(".", first + 1);
  return bare.slice(0, second < 0 ? first : second).slice(0, 60);
}
