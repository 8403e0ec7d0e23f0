/** The PROXY header that an upstream gets about a client. */
import { blockBytes } from "../../../lib/proxy-protocol/block.ts";
import { streamAddresses } from "../../../lib/proxy-protocol/ip.ts";
import { lineBytes } from "../../../lib/proxy-protocol/line.ts";
import { tlvsOf } from "../../../lib/proxy-protocol/tlv.ts";
import type { ClientSocket } from "../client-socket.ts";
import type { EdgePlan } from "./edge-plan.ts";

/** What is known of a client. */
export type ClientEnds = Pick<
  ClientSocket<unknown>,
  "localAddress" | "localPort" | "notes" | "remoteAddress" | "remotePort"
>;

/** The bytes to send before anything else; a few hundred at most. */
export function headerFor(client: ClientEnds, form: NonNullable<EdgePlan["sendHeader"]>): Uint8Array {
  const addresses = streamAddresses(
    { address: client.remoteAddress, port: client.remotePort },
    { address: client.localAddress, port: client.localPort },
  );
  if (form === "v1") return lineBytes(addresses);
  return blockBytes({ addresses, tlvs: tlvsOf(client.notes ?? {}), checksum: form === "v2-crc32c" });
}
