/**
 * Which names become series: those that can stand in the tree, and of new ones so many in a minute, as a sender that puts
 * a number into its names would fill memory. The names that were refused last are remembered, to be told.
 */
import type { Clock } from "../../kit/clock.ts";

const longestPath = 1024;
/** Parts between dots; each that is new takes memory of its own in the tree of names. */
const deepestPath = 100;
const namesRemembered = 20;

/** Lets new series in. */
export class Admission {
  readonly #clock: Clock;
  readonly #perMinute: number;
  readonly #seriesMax: number;
  #allowance: number;
  #countedAtMs: number;
  #refused: string[] = [];

  /** `perMinute` new ones, and `seriesMax` in all. */
  constructor(clock: Clock, perMinute: number, seriesMax: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
    this.#seriesMax = seriesMax;
    this.#allowance = perMinute;
    this.#countedAtMs = clock.monotonicMs();
  }

  /** Names that were refused lately, oldest first. */
  get refused(): readonly string[] {
    return this.#refused;
  }

  /** Whether there may be one more beside `count` series. */
  hasRoom(count: number): boolean {
    return count < this.#seriesMax;
  }

  /** Whether this new one is let in beside `count` series; if so it counts. */
  admits(path: string, count: number): boolean {
    if (this.hasRoom(count) && this.#spend()) return true;
    if (!this.#refused.includes(path)) this.#refused.push(path);
    if (this.#refused.length > namesRemembered) this.#refused.shift();
    return false;
  }

  #spend(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const earned = ((nowMs - this.#countedAtMs) * this.#perMinute) / 60_000;
    this.#allowance = Math.min(this.#perMinute, this.#allowance + earned);
    this.#countedAtMs = nowMs;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }
}

/** Whether a canonical path can stand in the tree: no empty parts, nothing that is not printed, not too long or deep. */
export function isName(path: string): boolean {
  if (path.length > longestPath) return false;
  const end = path.indexOf(";");
  const name = end < 0 ? path : path.slice(0, end);
  if (name.startsWith(".") || name.endsWith(".") || name.includes("..")) return false;
  if (name.split(".", deepestPath + 1).length > deepestPath) return false;
  for (let at = 0; at < path.length; at++) if (path.charCodeAt(at) <= 32 || path.charCodeAt(at) === 127) return false;
  return true;
}
