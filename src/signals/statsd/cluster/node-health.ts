/**
 * Whether a statsd takes metrics, by what it says itself: `health` at its admin port. Any answer that holds `up` is good,
 * as for Etsy's proxy; everything else is told as the reason against it.
 */
import { connect } from "node:net";

import type { Clock } from "../../../kit/clock.ts";
import { formatAddress } from "../../../kit/config/address.ts";
import { plainLine } from "../../../kit/terminal/plain-text.ts";

/** What was found. */
export interface NodeHealth {
  /** The IP address that answered; undefined when none did. */
  readonly address: string | undefined;
  /** Why it is not to be used, without a period; undefined when it is well. */
  readonly trouble: string | undefined;
}

const answerMaxLength = 1000;

/** Asks once. Never rejects. */
export function askHealth(
  node: { host: string; adminPort: number },
  timeoutMs: number,
  clock: Clock,
): Promise<NodeHealth> {
  const { adminPort: port, host } = node;
  const at = formatAddress({ host, port });
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let answer = "";
    let address: string | undefined;
    let isDone = false;
    const done = (trouble: string | undefined) => {
      if (isDone) return;
      isDone = true;
      cancel();
      resolve({ address, trouble });
      socket.destroy();
    };
    const judge = () => {
      const said = plainLine(answer.trim().split(/\r?\n/)[0] ?? "").slice(0, 100);
      done(answer.includes("up") ? undefined : said === "" ? `${at} did not say how it is` : `${at} says "${said}"`);
    };
    const cancel = clock.schedule(timeoutMs, () => done(`${at} did not answer within ${timeoutMs} ms`));
    socket.setEncoding("latin1");
    socket.once("connect", () => {
      address = socket.remoteAddress;
      socket.write("health\r\n");
    });
    socket.on("data", (piece: string) => {
      answer += piece;
      if (answer.includes("\n") || answer.length > answerMaxLength) judge();
    });
    socket.once("end", judge);
    socket.on("error", (reason) => done(`it cannot be asked how it is: ${reason.message}`));
    socket.once("close", judge);
  });
}
