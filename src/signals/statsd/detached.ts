/**
 * Text that is kept for long, cut loose from the packet it came in: a part of a string has the whole of it stay in memory,
 * so that one short name would hold a packet of sixty kilobytes.
 */

/** Longer texts are not kept anywhere; three bytes for each of their characters at most. */
const roomBytes = 4096;
const room = Buffer.allocUnsafeSlow(roomBytes);

/** A copy of its own. */
export function detached(text: string): string {
  return text.length * 3 > roomBytes
    ? Buffer.from(text, "utf8").toString("utf8")
    : room.toString("utf8", 0, room.write(text));
}
