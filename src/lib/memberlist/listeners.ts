/** Who wants to hear of which event. Listeners are called in the order in which they came; what they throw is not caught. */

/** Listeners for the events of `Events`, a map of names to what is handed over. */
export class Listeners<Events extends object> {
  readonly #byName: { [Name in keyof Events]?: Set<(event: Events[Name]) => void> } = {};

  /** Calls `listener` at each event of that name. The returned function ends that. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const listeners = (this.#byName[name] ??= new Set());
    // A wrapper of its own, so that one function may listen twice and each end only its own.
    const own = (event: Events[Name]) => listener(event);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  /** Tells all listeners of that name. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of this.#byName[name] ?? []) listener(event);
  }
}
