/** Why a socket of ours cannot listen, in words that say what to do about it. */
import { takenBy } from "../../kit/bound-socket.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";

const reasons: Readonly<Record<string, string>> = {
  EACCES: "this user may not",
  EADDRINUSE: "something is there already",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOENT: "there is no such folder",
};

/** Fault `windsock/bind` (unavailable): `place` for `purpose`, where `option` may name another one. */
export function bindFault(place: string, purpose: string, option: string, thrown: unknown): Fault {
  const port = Number(/:(\d+)$/.exec(place)?.[1]);
  const holder = Number.isNaN(port) ? undefined : takenBy(thrown, "tcp", port);
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const reason = holder === undefined ? (reasons[code] ?? reasonOf(thrown)) : `it is ${holder}`;
  const advice = holder === undefined ? `set ${option} to another one` : `stop that, or set ${option} to another one`;
  return new Fault("unavailable", "windsock/bind", `Cannot listen on "${place}" for ${purpose}: ${reason}; ${advice}`, {
    cause: thrown,
  });
}
