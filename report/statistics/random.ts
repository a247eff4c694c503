/**
 * A source of random numbers from a seed: the same seed, the same numbers, on every machine.
 *
 * @see Blackman, Vigna 2021, "Scrambled linear pseudorandom number generators", ACM TOMS 47: xoshiro128**
 */
export class Random {
  readonly #state = new Uint32Array(4);

  /** Every whole number is a seed; numbers that are equal modulo 2^32 are the same seed. */
  constructor(seed: number) {
    // The state is spread from the seed by the finalizer of MurmurHash3, so that near seeds are unlike.
    for (let i = 0; i < 4; i += 1) {
      let mixed = (seed + Math.imul(i + 1, 0x9e3779b9)) | 0;
      mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
      this.#state[i] = mixed ^ (mixed >>> 16);
    }
  }

  /** 32 random bits, as a number from 0 to 2^32 - 1. */
  bits(): number {
    const state = this.#state;
    const [a = 0, b = 0, c = 0, d = 0] = state;
    const scaled = Math.imul(b, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9);
    const third = c ^ a;
    const fourth = d ^ b;
    state[0] = a ^ fourth;
    state[1] = b ^ third;
    state[2] = third ^ (b << 9);
    state[3] = (fourth << 11) | (fourth >>> 21);
    return result >>> 0;
  }

  /** A number between 0 and 1, without both. */
  unit(): number {
    return (this.bits() + 0.5) / 2 ** 32;
  }
}
