/**
 * Comparing secrets.
 */
import { timingSafeEqual } from "node:crypto";

/** Whether two texts are equal, found out in a time that does not tell where they differ, or how long they are. */
export function sameText(left: string, right: string): boolean {
  const digest = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
