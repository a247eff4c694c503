import assert from "node:assert/strict";

/** The adapter under test, with its name and exceptions. */
export interface Harness {
  /** The name in messages. */
  readonly name: string;
  /** The cases that cannot hold for this harness: the reason, by id. */
  readonly lacks?: Readonly<Record<string, string>>;
}

/** One requirement for every adapter of a kind. */
export interface ContractCase<H extends Harness> {
  /** Unique, and never reused. */
  readonly id: string;
  /** The required behaviour of the adapter. */
  readonly title: string;
  /** @throws AssertionError, or the harness's own error */
  run(harness: H): Promise<void>;
}

/**
 * Runs one case on one harness. A case in `lacks` must fail: otherwise an outdated reason would hide a later failure. A
 * case that hangs fails.
 *
 * @throws AssertionError if the case fails, or if it passes although `lacks` names it
 */
export async function checkCase<H extends Harness>(
  contractCase: ContractCase<H>,
  harness: H,
  deadlineMs: number,
): Promise<void> {
  const { id } = contractCase;
  const reason = harness.lacks?.[id];
  if (reason === undefined) return within(deadlineMs, contractCase.run(harness));
  assert.notEqual(reason.trim(), "", `${harness.name} lacks ${id} without a reason`);
  const passes = await within(deadlineMs, contractCase.run(harness)).then(
    () => true,
    () => false,
  );
  assert.equal(passes, false, `${harness.name} passes ${id}; remove it from lacks: "${reason}"`);
}

/** @throws AssertionError if `lacks` names a case that the contract does not have */
export function checkLacks<H extends Harness>(contract: readonly ContractCase<H>[], harness: H): void {
  const known = new Set(contract.map(({ id }) => id));
  const unknown = Object.keys(harness.lacks ?? {}).filter((id) => !known.has(id));
  assert.deepEqual(unknown, [], `${harness.name} lacks cases that do not exist`);
}

/** The cases of several topics, sorted by id. */
export function inOrder<H extends Harness>(
  ...topics: readonly (readonly ContractCase<H>[])[]
): readonly ContractCase<H>[] {
  return Object.freeze(topics.flat().sort((a, b) => (a.id < b.id ? -1 : 1)));
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: "the case hangs" })), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
