/**
 * Publishing for a client, which is owed a reason whatever goes wrong: what the hub does not put into words of its own is a
 * log that cannot be written, as on a full disk, and passes.
 */
import { Fault, reasonOf } from "../../../kit/fault.ts";
import type { Hub } from "../hub.ts";
import type { Envelope, Publication } from "../publication.ts";

/** As {@link Hub.publish}; Fault `windsock/disk` (unavailable) beside those of the hub. */
export async function publishAt(hub: Pick<Hub, "publish">, envelope: Envelope): Promise<Publication> {
  try {
    return await hub.publish(envelope);
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    const reason = `Cannot publish: the history cannot be written: ${reasonOf(thrown)}`;
    throw new Fault("unavailable", "windsock/disk", reason, { cause: thrown, retryAfterMs: 1000 });
  }
}
