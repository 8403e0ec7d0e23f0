/**
 * What becomes of a job that was not done, for whoever asked: a sentence, a status, a time to wait. What the decoder itself
 * said goes into the cause, for the log, and to nobody else.
 */
import { Fault } from "../../kit/fault.ts";
import type { DecoderAnswer } from "./decoder/message.ts";
import type { ImageLimits } from "./engine.ts";
import type { DecoderOutcome } from "./engine-decoder.ts";

/** What all jobs end with when the program stops. */
export function closing(): Fault {
  return new Fault("unavailable", "reticulum/busy", "Cannot make the image now: the program is stopping", {
    retryAfterMs: 5000,
  });
}

/** The Fault of a job that was not done, as `Engine` names them. */
export function faultOf(outcome: DecoderOutcome, limits: ImageLimits): Fault {
  switch (outcome.kind) {
    case "too-slow":
      return new Fault(
        "timeout",
        "reticulum/too-slow",
        `Cannot make the image: it takes more than ${limits.timeMs / 1000} s`,
      );
    case "too-large":
      return new Fault(
        "too-large",
        "reticulum/too-large",
        `Cannot make the image: it needs more than ${Math.round(limits.memoryBytes / 2 ** 20)} MiB of memory`,
      );
    case "cancelled":
    case "given-back":
      return closing();
    case "died":
    case "unable":
      return new Fault(
        "unavailable",
        "reticulum/engine-died",
        "Cannot make the image: the decoder ended unexpectedly",
        {
          cause: outcome.reason,
          retryAfterMs: 5000,
        },
      );
    case "answer":
      return refusalOf(outcome.answer);
  }
}

function refusalOf(answer: DecoderAnswer): Fault {
  if (answer.kind !== "refused") throw new TypeError(`A decoder's answer "${answer.kind}" is no refusal`);
  const { code, message, reason } = answer;
  const options = { cause: reason };
  switch (code) {
    case "damaged":
      return new Fault("invalid", "reticulum/damaged", message, { ...options, status: 422 });
    case "unsupported-format":
      return new Fault("invalid", "reticulum/unsupported-format", message, { ...options, status: 415 });
    case "too-large":
      return new Fault("too-large", "reticulum/too-large", message, options);
    case "result-too-large":
      return new Fault("invalid", "reticulum/result-too-large", message, options);
    case "failed":
      return new Fault("internal", "reticulum/failed", message, options);
  }
}
