/**
 * What a token may do, in words: `<service>:<scope>`, such as `cask:write`, or `*:read` for every service. A scope
 * covers those before it in `read`, `write`, `admin`.
 */
import { Fault } from "../fault.ts";
import { type Scope, scopes } from "../service.ts";

/** One grant: a scope in one service, or in all (`*`). */
export interface Grant {
  service: string;
  scope: Scope;
}

/** Reads `cask:write` or `*:admin`. Fault: `warren/scope-invalid`. */
export function parseGrant(text: string): Grant {
  const [service = "", name = "", ...more] = text.split(":");
  const scope = scopes.find((known) => known === name);
  if (scope === undefined || more.length > 0 || !/^(\*|[a-z][a-z0-9-]{0,31})$/.test(service)) {
    throw new Fault(
      "invalid",
      "warren/scope-invalid",
      `Cannot read scope "${text}": wanted is <service>:<${scopes.join("|")}>, such as cask:write, or *:read for all services`,
    );
  }
  return { service, scope };
}

/** The text that {@link parseGrant} reads. */
export function formatGrant(grant: Grant): string {
  return `${grant.service}:${grant.scope}`;
}

/** Whether any of the grants covers `scope` in `service`. */
export function covers(grants: readonly Grant[], service: string, scope: Scope): boolean {
  return grants.some(
    (grant) =>
      (grant.service === "*" || grant.service === service) && scopes.indexOf(grant.scope) >= scopes.indexOf(scope),
  );
}
