/**
 * One service calling another of the same program: requests go to the other's handler as they would come from its
 * listener, and failures come back as the answers a listener would make of them. A client given this fetch, or the
 * runtime's own and addresses elsewhere, cannot tell the difference, and nobody has to.
 */
import { reasonOf, toFault } from "./fault.ts";
import { problemResponse } from "./http/problem.ts";
import type { Logger } from "./log.ts";
import type { Caller, RunningService } from "./service.ts";

/** A way to another service. */
export interface Reach {
  /** Where its routes begin, without a trailing slash; what {@link fetch} is called with begins with it. */
  readonly baseUrl: string;
  /**
   * Where pages of the calling service find its routes, as a path without a trailing slash; undefined where pages cannot, as
   * it listens at another address than they come from.
   */
  readonly pagePath?: string | undefined;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/**
 * A way to `target`, for `caller`, the name of a service; it may do everything there, as both are one program. `pagePath` as
 * in {@link Reach}.
 */
export function reachWithin(
  target: Pick<RunningService, "handle">,
  baseUrl: string,
  caller: string,
  log: Logger,
  pagePath?: string,
): Reach {
  const never = new AbortController().signal;
  return {
    baseUrl,
    pagePath,
    async fetch(url, init) {
      init.signal?.throwIfAborted();
      const requestId = crypto.randomUUID();
      const request = new Request(url, init);
      const from: Caller = {
        address: "127.0.0.1",
        requestId,
        name: caller,
        within: true,
        may: () => true,
        keepOpen: () => init.signal ?? never,
      };
      try {
        return await target.handle(request, from);
      } catch (thrown) {
        const fault = toFault(thrown);
        if (fault.kind === "internal")
          log.error("A request between services failed", { requestId, reason: reasonOf(fault.cause) });
        return problemResponse(fault, request, { requestId });
      }
    },
  };
}
