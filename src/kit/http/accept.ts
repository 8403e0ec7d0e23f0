/**
 * Which of several media types an `Accept` header prefers (RFC 9110, section 12.5.1): quality first, then the order of
 * the header, then the order of the offers. Parameters other than `q` are ignored.
 */

/**
 * The offered type (lower case, no parameters) that `accept` prefers. The first offer when the header is absent, names
 * none of them by a type of its own or a `type/*`, or cannot be read: a wildcard alone is no wish.
 */
export function preferredType<Offer extends string>(
  accept: string | null,
  offers: readonly [Offer, ...Offer[]],
): Offer {
  let best: Offer = offers[0];
  let bestQuality = 0;
  if (accept === null) return best;
  for (const item of accept.split(",", 32)) {
    const [range = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    const quality = qualityOf(parameters);
    if (quality <= bestQuality) continue;
    const chosen = offers.find(
      (offer) => range === offer || (range.endsWith("/*") && offer.startsWith(range.slice(0, -1))),
    );
    // `*/*` is a type of `*`, which no offer begins with.
    if (chosen === undefined) continue;
    best = chosen;
    bestQuality = quality;
  }
  return best;
}

function qualityOf(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith("q="));
  if (given === undefined) return 1;
  return /^q=(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(given) ? Number(given.slice(2)) : 0;
}
