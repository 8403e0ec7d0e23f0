/**
 * What other services of the same program may ask, and nobody else, whatever tokens they show: tokens for pages of theirs.
 * Each is good for hearing one address, says nothing anywhere, and ends after a bounded time.
 */
import { z } from "zod";

import type { Clock } from "../../../kit/clock.ts";
import { Fault } from "../../../kit/fault.ts";
import { wholeText } from "../../../kit/http/body.ts";
import { notAllowed } from "../../../kit/http/target.ts";
import type { Caller, Scope } from "../../../kit/service.ts";
import type { Door } from "../door.ts";
import { leewaySeconds, type TokenDesk } from "./rights.ts";
import { shapeWords } from "./shape.ts";
import { maxTopicLength } from "./topic.ts";

const tokenPath = "/within/token";
const maxSeconds = 600;
const askedShape = z.strictObject({
  /** Whom it names; empty for nobody in particular. */
  user: z.string().max(256),
  address: z.string().min(1).max(maxTopicLength),
  seconds: z.int().min(1).max(maxSeconds),
});

/** A door of the service; see the file's head. */
export class WithinDoor implements Door {
  readonly #desk: Pick<TokenDesk, "sign">;
  readonly #clock: Clock;

  constructor(desk: Pick<TokenDesk, "sign">, clock: Clock) {
    this.#desk = desk;
    this.#clock = clock;
  }

  takes(path: string): boolean {
    return path === tokenPath;
  }

  /** The highest, though it is of no use to anybody from outside. */
  scopeOf(): Scope {
    return "admin";
  }

  fromElsewhere(): boolean {
    return false;
  }

  /**
   * `POST {"user": "…", "address": "…", "seconds": 240}` is answered `{"token": "…", "expiresInMs": …}`, which counts the
   * leeway for clocks. Faults: `windsock/no-page` (missing) for everybody outside, `windsock/command` (invalid).
   */
  async handle(request: Request, caller: Caller, path: string): Promise<Response> {
    if (caller.within !== true) {
      throw new Fault("missing", "windsock/no-page", `Cannot find "${path}": there is no such page`);
    }
    if (request.method !== "POST") return notAllowed("POST");
    const { address, seconds, user } = askedIn(await wholeText(request, { maxBytes: 16_384, clock: this.#clock }));
    const nowSeconds = Math.floor(this.#clock.now() / 1000);
    const token = this.#desk.sign({
      sub: user,
      iat: nowSeconds,
      exp: nowSeconds + seconds,
      subscribe: [{ address }],
      publish: [],
    });
    const expiresInMs = (seconds + leewaySeconds) * 1000;
    return Response.json({ token, expiresInMs }, { headers: { "Cache-Control": "no-store" } });
  }
}

function askedIn(body: string): z.infer<typeof askedShape> {
  let said: unknown;
  try {
    said = JSON.parse(body);
  } catch {
    throw new Fault("invalid", "windsock/command", "Cannot make a token: the body is no JSON");
  }
  const { data, error } = askedShape.safeParse(said);
  if (data) return data;
  throw new Fault("invalid", "windsock/command", `Cannot make a token: ${shapeWords(error, said)}`);
}
