/**
 * Those who listen to the hub: their places, and telling them. Each hears a publication once however many of its interests
 * it meets; one that throws hears nothing any more, and the others do not notice. What the order is, the hub knows.
 */
import { Audience } from "./audience.ts";
import type { Listener, Seat } from "./hub.ts";
import { InterestSet } from "./interest-set.ts";
import type { Interest, Publication } from "./publication.ts";

/** What hearers ask of the hub. */
export interface HearersParts {
  /** Where the order stands. */
  position(): string;
  /** A listener threw: it hears nothing any more. */
  broken(error: unknown): void;
}

/** See the file's head. */
export class Hearers {
  readonly #parts: HearersParts;
  readonly #audience = new Audience<Place>();
  readonly #places = new Set<Place>();
  #deliveries = 0;

  constructor(parts: HearersParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#places.size;
  }

  /** How often somebody heard something; who stands for several counts as often. */
  get deliveries(): number {
    return this.#deliveries;
  }

  /** A place for a listener that knows what came up to an offset. */
  seat(listener: Listener, interests: readonly Interest[], lastOffset: number): Seat {
    const place = new Place(this, listener, lastOffset, this.#parts.position());
    this.#places.add(place);
    for (const interest of interests) place.add(interest);
    return place;
  }

  /** Puts a place where an interest is looked for; where the order stands then, undefined for a place that was left. */
  enter(place: Place, interest: Interest): string | undefined {
    if (!this.#places.has(place)) return undefined;
    this.#audience.add(interest, place);
    return this.#parts.position();
  }

  /** A place has an interest no more. */
  remove(place: Place, interest: Interest): void {
    this.#audience.remove(interest, place);
  }

  /** A place is left. */
  leave(place: Place): void {
    this.#places.delete(place);
  }

  /** Tells everyone of interest. */
  tell(publication: Publication, offset: number): void {
    for (const places of this.#audience.find(publication.address)) {
      for (const place of places) {
        if (place.lastOffset >= offset) continue;
        place.lastOffset = offset;
        this.#deliveries += place.listener.clients ?? 1;
        try {
          place.listener.hear(publication);
        } catch (thrown) {
          this.#drop(place, thrown);
        }
      }
    }
  }

  /** Tells everyone that the order was broken. */
  tellGap(): void {
    for (const place of this.#places) {
      try {
        place.listener.gap();
      } catch (thrown) {
        this.#drop(place, thrown);
      }
    }
  }

  /** The numbers begin anew: those of another run say nothing about what was heard. */
  renumber(): void {
    for (const place of this.#places) place.lastOffset = 0;
  }

  /** How many clients hear an address. */
  countOf(address: string): number {
    const places = new Set(this.#audience.find(address).flatMap((found) => [...found]));
    let count = 0;
    for (const { listener } of places) count += listener.clients ?? 1;
    return count;
  }

  /** The others must hear what they hear, whatever is wrong with this one. */
  #drop(place: Place, thrown: unknown): void {
    place.lastOffset = Number.POSITIVE_INFINITY;
    this.#places.delete(place);
    this.#parts.broken(thrown);
  }
}

/** A listener and its interests. One object, for there are many. */
class Place implements Seat {
  readonly listener: Listener;
  /** The last publication that it was given, so that several interests give it only once. */
  lastOffset: number;
  readonly interests = new InterestSet();
  readonly #hearers: Hearers;
  #position: string;

  constructor(hearers: Hearers, listener: Listener, lastOffset: number, position: string) {
    this.#hearers = hearers;
    this.listener = listener;
    this.lastOffset = lastOffset;
    this.#position = position;
  }

  get position(): string {
    return this.#position;
  }

  add(interest: Interest): void {
    if (this.interests.has(interest)) return;
    const position = this.#hearers.enter(this, interest);
    if (position === undefined) return;
    this.interests.add(interest);
    this.#position = position;
  }

  remove(interest: Interest): void {
    if (this.interests.delete(interest)) this.#hearers.remove(this, interest);
  }

  leave(): void {
    for (const interest of this.interests) this.remove(interest);
    this.#hearers.leave(this);
  }
}
