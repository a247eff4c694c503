import { shopExperiments } from "./experiments.ts";
import { Processes, type ServiceName } from "./processes.ts";
import { Progress } from "./progress.ts";
import { startReceiver } from "./receiver.ts";
import { type Report, reportOn } from "./report.ts";
import { countForgers, goShopping } from "./shoppers.ts";

const START_S = 15;
const STOP_S = 10;

/** A time limit far above the need of so many shoppers. */
const shoppingSeconds = (shoppers: number): number => 20 + shoppers / 20;

/**
 * Starts the shop, sends the shoppers through it, stops it, and reports. When the promise settles, every service has
 * ended.
 *
 * @param job aborted by the caller to end it early, or by this function after a failure; the reason is the error
 */
export async function runShop(shoppers: number, job: AbortController): Promise<Report> {
  const began = performance.now();
  const progress = new Progress();
  const receiver = await startReceiver();
  const processes = new Processes(job, receiver.url);

  const start = async (name: ServiceName, peers?: Readonly<Record<`${string}_URL`, string>>): Promise<string> => {
    const { url, pid } = await within(START_S, `starting the ${name} service`, job, processes.start(name, peers));
    progress.say(`${name.padEnd(8)} ${url}  process ${pid}`);
    return url;
  };

  try {
    const bank = await start("bank");
    const payment = await start("payment", { BANK_URL: bank });
    const cart = await start("cart", { PAYMENT_URL: payment });
    const gateway = await start("gateway", { CART_URL: cart });

    const shopping = goShopping(gateway, shoppers, job.signal, (done) => progress.count("shoppers", done, shoppers));
    await within(shoppingSeconds(shoppers), "shopping", job, shopping);
    await within(STOP_S, "stopping the services", job, processes.stop());
  } catch (error) {
    job.abort(error);
    throw error;
  } finally {
    await processes.ended();
    receiver.close();
  }
  progress.say(`all services stopped after ${((performance.now() - began) / 1000).toFixed(1)} s\n`);

  const { variants } = shopExperiments.checkout;
  return reportOn(receiver.telemetry, { shoppers, forged: countForgers(shoppers), variants });
}

/** Aborts the job if a step takes too long. */
async function within<T>(seconds: number, step: string, job: AbortController, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => job.abort(new Error(`${step} took more than ${seconds} s`)), seconds * 1000);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
