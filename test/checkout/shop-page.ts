import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { signOverride } from "otel-experiments/override";
import type { Browser, BrowserContextOptions, Locator, Page, Request } from "playwright-core";
import type { System } from "../../examples/checkout/system/system.ts";

/** Where screenshots are kept, if they are wanted. */
const SCREENSHOTS = process.env["CHECKOUT_SCREENSHOTS"];

export const CARDS = { accepted: "4242 4242 4242 4242", declined: "4000 0000 0000 0002" };

type Variants = Readonly<Record<string, string>>;

/** A visit to the shop: its page, and what the browser sent and complained about. */
export class Visit implements AsyncDisposable {
  readonly page: Page;
  readonly requests: Request[] = [];
  /** Errors of scripts, and what the content security policy refused. */
  readonly complaints: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("request", (request) => this.requests.push(request));
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      // A refused order is an error to the browser's console too.
      const isStatus = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isStatus) this.complaints.push(message.text());
    });
  }

  /** Opens the shop in a browser profile of its own, as a tester with a signed override. */
  static async open(
    browser: Browser,
    { addresses, overrideSecret: secret }: System,
    variants: Variants,
    { before, ...options }: BrowserContextOptions & { before?: (page: Page) => Promise<void> } = {},
  ): Promise<Visit> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const visit = new Visit(await context.newPage());
    await before?.(visit.page);
    const override = signOverride(variants, { secret, audience: "local" });
    await visit.page.goto(`${addresses.gateway}/#override=${override}`);
    await visit.page.getByRole("heading", { name: "Coffee beans" }).waitFor();
    return visit;
  }

  /** The calls to the gateway, such as `/api/checkout`. */
  calls(path: string): readonly Request[] {
    return this.requests.filter((request) => new URL(request.url()).pathname.startsWith(path));
  }

  /** The button that leads to the next page or places the order. */
  get next(): Locator {
    return this.page.locator("button.primary:visible");
  }

  heading(name: string): Locator {
    return this.page.getByRole("heading", { name });
  }

  /** The parts of the form that are shown. */
  async parts(): Promise<readonly (string | null)[]> {
    const shown = await this.page.locator("[data-part]:visible").all();
    return Promise.all(shown.map((part) => part.getAttribute("data-part")));
  }

  async choose(product: string, quantity: number): Promise<void> {
    await this.page.getByLabel(`Quantity of ${product}`).fill(String(quantity));
  }

  async fillAddress(): Promise<void> {
    await this.#fill({
      "E-mail": "shopper@example.com",
      Name: "Sample Shopper",
      "Street and number": "Sample Street 1",
      "Postal code": "10115",
      City: "Berlin",
    });
  }

  async fillCard(number: string): Promise<void> {
    await this.#fill({ "Card number": number, "Valid until": "09/31", "Security code": "123" });
  }

  async #fill(values: Readonly<Record<string, string>>): Promise<void> {
    for (const [label, value] of Object.entries(values)) await this.page.getByLabel(label, { exact: true }).fill(value);
  }

  /** Goes through the pages of any layout up to the one with the order's button. */
  async fillAll(): Promise<void> {
    await this.choose("Coffee beans", 2);
    for (;;) {
      const parts = await this.parts();
      if (parts.includes("address")) await this.fillAddress();
      if (parts.includes("payment")) await this.fillCard(CARDS.accepted);
      if (parts.includes("payment") || parts.includes("stored")) return;
      await this.next.click();
      await this.page.locator(`[data-part="${parts[0]}"]`).waitFor({ state: "hidden" });
    }
  }

  async screenshot(name: string): Promise<void> {
    if (SCREENSHOTS === undefined) return;
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.evaluate("scrollTo(0, 0)");
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}
