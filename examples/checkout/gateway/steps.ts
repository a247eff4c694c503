import { Failure } from "../failure.ts";

/** The steps that can fail a checkout. */
export type StepName = "cart" | "inventory" | "tax" | "fraud" | "payment" | "order";

/** Runs a step of a checkout, which fails with a CheckoutFailure. */
export type RunStep = <T>(name: StepName, work: () => Promise<T>) => Promise<T>;

/** Why a checkout failed, and in which step. */
export class CheckoutFailure extends Failure {
  readonly step: StepName;

  constructor(step: StepName, { code, message, cause }: Failure) {
    super(code, message, { cause });
    this.step = step;
  }
}
