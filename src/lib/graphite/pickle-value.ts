/**
 * Python's pickle, for data alone: none, booleans, numbers, strings, bytes, lists, tuples and dicts of those.
 *
 * Protocols 0 to 5 are read. Every opcode that names or calls anything (GLOBAL, REDUCE, BUILD, INST, persistent ids,
 * extension codes, …) is refused, so reading can make nothing but values. What is made is bounded in depth and in items, where
 * an item counts as often as it is reachable, and can hold no cycle: nothing can be added to a container that is already
 * part of another. Lists and tuples are arrays, dicts are Maps, long integers beyond 2^53 are bigints.
 * Source: CPython's pickletools.
 */

/** What a pickle of data holds. */
export type PickleValue =
  null | boolean | number | bigint | string | Uint8Array | PickleValue[] | Map<PickleValue, PickleValue>;

/** Bounds of reading. */
export interface PickleLimits {
  /** Longest input in bytes. @default 1048576 */
  readonly maxBytes?: number;
  /** Deepest nesting of containers. @default 16 */
  readonly maxDepth?: number;
  /** Most values, counted as often as they are reachable. @default 1000000 */
  readonly maxItems?: number;
}

type Container = PickleValue[] | Map<PickleValue, PickleValue>;
const mark = Symbol("mark");

const utf8 = new TextDecoder("utf-8");

function unescapeBytes(text: string, position: number): string {
  // Text is Latin-1, one character a byte, between quotes with Python's escapes.
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || text.at(-1) !== quote) {
    throw new SyntaxError(`Cannot read pickle: a string without quotes at byte ${position}`);
  }
  const raw = text.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)/g, (_, escape: string) => {
    if (escape.startsWith("x") && escape.length === 3) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    if (/^[0-7]/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8) & 255);
    const plain: Record<string, string> = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b", f: "\f", v: "\v" };
    return plain[escape] ?? (/['"\\]/.test(escape) ? escape : `\\${escape}`);
  });
  return utf8.decode(Uint8Array.from(raw, (char) => char.charCodeAt(0)));
}

function fromLittleEndian(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at] ?? 0);
  if (bytes.length > 0 && ((bytes.at(-1) ?? 0) & 128) !== 0) value -= 1n << BigInt(bytes.length * 8);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function integerText(text: string, position: number): number | bigint {
  const digits = text.endsWith("L") ? text.slice(0, -1) : text;
  if (!/^\s*[+-]?\d{1,400}\s*$/.test(digits))
    throw new SyntaxError(`Cannot read pickle: a bad integer at byte ${position}`);
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : BigInt(digits.trim().replace(/^\+/, ""));
}

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #maxDepth: number;
  readonly #maxItems: number;
  readonly #stack: (PickleValue | typeof mark)[] = [];
  readonly #memo = new Map<number, PickleValue>();
  /** Depth and reachable items of each container, and whether it is part of another. */
  readonly #facts = new Map<Container, { depth: number; items: number; inside: boolean }>();
  #made = 0;
  #at = 0;

  constructor(bytes: Uint8Array, limits: PickleLimits) {
    const maxBytes = limits.maxBytes ?? 1_048_576;
    if (bytes.length > maxBytes) throw new RangeError(`Cannot read pickle: more than ${maxBytes} bytes`);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxDepth = limits.maxDepth ?? 16;
    this.#maxItems = limits.maxItems ?? 1_000_000;
  }

  #fail(reason: string): never {
    throw new SyntaxError(`Cannot read pickle: ${reason} at byte ${this.#at}`);
  }

  #need(count: number): number {
    const from = this.#at;
    if (!Number.isSafeInteger(count) || count < 0 || from + count > this.#bytes.length)
      this.#fail("the input ends too early");
    this.#at = from + count;
    return from;
  }

  #take(count: number): Uint8Array {
    const from = this.#need(count);
    return this.#bytes.subarray(from, from + count);
  }

  #line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) this.#fail("a line without end");
    const text = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + this.#at, end - this.#at).toString("latin1");
    this.#at = end + 1;
    return text.endsWith("\r") ? text.slice(0, -1) : text;
  }

  #long8(): number {
    return Number(this.#view.getBigUint64(this.#need(8), true));
  }

  #push(value: PickleValue | typeof mark): void {
    if (++this.#made > this.#maxItems * 4)
      throw new RangeError(`Cannot read pickle: more than ${this.#maxItems} values`);
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === mark) this.#fail("nothing on the stack");
    return value;
  }

  #popMark(): PickleValue[] {
    const at = this.#stack.lastIndexOf(mark);
    if (at < 0) this.#fail("no mark on the stack");
    const values = this.#stack.splice(at).slice(1);
    return values.filter((value): value is PickleValue => value !== mark);
  }

  #container(container: Container): Container {
    this.#facts.set(container, { depth: 1, items: 1, inside: false });
    return container;
  }

  #add(container: PickleValue, values: readonly PickleValue[]): void {
    const facts = this.#facts.get(container as Container);
    if (facts === undefined) this.#fail("an item is added to what is no list");
    if (facts.inside) this.#fail("a list is changed after it was used");
    for (const value of values) {
      if (value === container) this.#fail("a list contains itself");
      const inner = this.#facts.get(value as Container);
      if (inner !== undefined) inner.inside = true;
      facts.items += inner?.items ?? 1;
      facts.depth = Math.max(facts.depth, (inner?.depth ?? 0) + 1);
    }
    if (facts.depth > this.#maxDepth) throw new RangeError(`Cannot read pickle: nested deeper than ${this.#maxDepth}`);
    if (facts.items > this.#maxItems) throw new RangeError(`Cannot read pickle: more than ${this.#maxItems} values`);
  }

  #tuple(values: PickleValue[]): void {
    this.#container(values);
    this.#add(values, values);
    this.#push(values);
  }

  #append(values: readonly PickleValue[]): void {
    const list = this.#pop();
    if (!Array.isArray(list)) this.#fail("an item is added to what is no list");
    this.#add(list, values);
    for (const value of values) list.push(value);
    this.#stack.push(list);
  }

  #setItems(dict: PickleValue, values: readonly PickleValue[]): void {
    if (!(dict instanceof Map)) this.#fail("a pair is added to what is no dict");
    if (values.length % 2 !== 0) this.#fail("a key without value");
    this.#add(dict, values);
    for (let index = 0; index < values.length; index += 2) dict.set(values[index] ?? null, values[index + 1] ?? null);
    this.#stack.push(dict);
  }

  #get(key: number): void {
    const value = this.#memo.get(key);
    if (value === undefined) this.#fail("an unknown reference");
    this.#push(value);
  }

  #put(key: number): void {
    const value = this.#stack.at(-1);
    if (value === undefined || value === mark) this.#fail("nothing to remember");
    if (!Number.isSafeInteger(key) || key < 0) this.#fail("a bad reference");
    this.#memo.set(key, value);
  }

  run(): PickleValue {
    for (;;) {
      const opcode = this.#bytes[this.#at];
      if (opcode === undefined) this.#fail("the input ends too early");
      this.#at++;
      if (opcode === 0x2e) {
        const value = this.#pop();
        if (this.#stack.length > 0) this.#fail("values are left over");
        return value;
      }
      if (!this.#scalar(opcode) && !this.#structure(opcode)) {
        this.#at--;
        this.#fail(`opcode 0x${opcode.toString(16).padStart(2, "0")} is not data`);
      }
    }
  }

  /** The opcodes that make a value without parts. */
  #scalar(opcode: number): boolean {
    const view = this.#view;
    switch (String.fromCharCode(opcode)) {
      case "N":
        this.#push(null);
        return true;
      case "\x88":
        this.#push(true);
        return true;
      case "\x89":
        this.#push(false);
        return true;
      case "I": {
        const text = this.#line();
        this.#push(text === "01" ? true : text === "00" ? false : integerText(text, this.#at));
        return true;
      }
      case "L":
        this.#push(integerText(this.#line(), this.#at));
        return true;
      case "F": {
        const value = Number(
          this.#line().replace(/^([+-]?)(inf|nan)$/, (_, sign: string, name: string) =>
            name === "nan" ? "NaN" : `${sign}Infinity`,
          ),
        );
        this.#push(value);
        return true;
      }
      case "J":
        this.#push(view.getInt32(this.#need(4), true));
        return true;
      case "K":
        this.#push(view.getUint8(this.#need(1)));
        return true;
      case "M":
        this.#push(view.getUint16(this.#need(2), true));
        return true;
      case "G":
        this.#push(view.getFloat64(this.#need(8)));
        return true;
      case "\x8a":
      case "\x8b": {
        const size = opcode === 0x8a ? view.getUint8(this.#need(1)) : view.getInt32(this.#need(4), true);
        if (size > 255) this.#fail("an integer of more than 255 bytes");
        this.#push(fromLittleEndian(this.#take(size)));
        return true;
      }
      default:
        return this.#text(opcode);
    }
  }

  #text(opcode: number): boolean {
    const view = this.#view;
    switch (String.fromCharCode(opcode)) {
      case "S":
        this.#push(unescapeBytes(this.#line(), this.#at));
        return true;
      case "V":
        this.#push(
          this.#line().replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (whole, short?: string, long?: string) => {
            const code = Number.parseInt(short ?? long ?? "", 16);
            return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
          }),
        );
        return true;
      case "T":
        this.#push(utf8.decode(this.#take(view.getInt32(this.#need(4), true))));
        return true;
      case "U":
      case "\x8c":
        this.#push(utf8.decode(this.#take(view.getUint8(this.#need(1)))));
        return true;
      case "X":
        this.#push(utf8.decode(this.#take(view.getUint32(this.#need(4), true))));
        return true;
      case "\x8d":
        this.#push(utf8.decode(this.#take(this.#long8())));
        return true;
      case "B":
        this.#push(this.#take(view.getUint32(this.#need(4), true)).slice());
        return true;
      case "C":
        this.#push(this.#take(view.getUint8(this.#need(1))).slice());
        return true;
      case "\x8e":
      case "\x96":
        this.#push(this.#take(this.#long8()).slice());
        return true;
      default:
        return false;
    }
  }

  /** The opcodes that build containers, remember and recall. */
  #structure(opcode: number): boolean {
    const view = this.#view;
    switch (String.fromCharCode(opcode)) {
      case "\x80":
        if (view.getUint8(this.#need(1)) > 5) this.#fail("a protocol above 5");
        return true;
      case "\x95":
        this.#need(8);
        return true;
      case "(":
        this.#push(mark);
        return true;
      case "0":
        if (this.#stack.pop() === undefined) this.#fail("nothing on the stack");
        return true;
      case "1":
        this.#popMark();
        return true;
      case "2": {
        const value = this.#pop();
        this.#stack.push(value);
        this.#push(value);
        return true;
      }
      case "]":
        this.#push(this.#container([]));
        return true;
      case "}":
        this.#push(this.#container(new Map()));
        return true;
      case ")":
        this.#tuple([]);
        return true;
      case "l":
      case "t":
        this.#tuple(this.#popMark());
        return true;
      case "d": {
        const values = this.#popMark();
        this.#setItems(this.#container(new Map()), values);
        return true;
      }
      case "\x85":
      case "\x86":
      case "\x87": {
        const values: PickleValue[] = [];
        for (let count = opcode - 0x84; count > 0; count--) values.unshift(this.#pop());
        this.#tuple(values);
        return true;
      }
      case "a": {
        const value = this.#pop();
        this.#append([value]);
        return true;
      }
      case "e": {
        const values = this.#popMark();
        this.#append(values);
        return true;
      }
      case "s": {
        const value = this.#pop();
        const key = this.#pop();
        this.#setItems(this.#pop(), [key, value]);
        return true;
      }
      case "u": {
        const values = this.#popMark();
        this.#setItems(this.#pop(), values);
        return true;
      }
      case "g":
        this.#get(Number(this.#line()));
        return true;
      case "h":
        this.#get(view.getUint8(this.#need(1)));
        return true;
      case "j":
        this.#get(view.getUint32(this.#need(4), true));
        return true;
      case "p":
        this.#put(Number(this.#line()));
        return true;
      case "q":
        this.#put(view.getUint8(this.#need(1)));
        return true;
      case "r":
        this.#put(view.getUint32(this.#need(4), true));
        return true;
      case "\x94":
        this.#put(this.#memo.size);
        return true;
      default:
        return false;
    }
  }
}

/**
 * Reads one pickle.
 * @throws SyntaxError when it is broken or holds an opcode that is not data; RangeError past a bound.
 */
export function decodePickleValue(bytes: Uint8Array, limits: PickleLimits = {}): PickleValue {
  return new Machine(bytes, limits).run();
}
