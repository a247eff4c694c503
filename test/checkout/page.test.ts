import { readFileSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { Client } from "pg";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { products } from "../../examples/checkout/database/seed.ts";
import type { System } from "../../examples/checkout/system/system.ts";
import { findChromium, NO_CHROMIUM } from "../../scripts/chromium.ts";
import { startQuickSystem } from "./quick-system.ts";
import { CARDS, Visit } from "./shop-page.ts";

declare module "vitest" {
  interface TaskMeta {
    /** Why the test is skipped. The summary of `npm test` says it. */
    skipped?: string;
  }
}

const executablePath = findChromium();

let system: System;
let browser: Browser;

/** Each variant's pages, with the parts that are on them, beside a variant of the banner. */
const LAYOUTS = [
  { variant: "control", banner: "control", pages: [["items"], ["cart"], ["address"], ["payment"]] },
  { variant: "single_page", banner: "free_shipping", pages: [["items", "address", "payment"]] },
  { variant: "express", banner: "control", pages: [["items", "address", "stored"]] },
];

/** What shows all parts of the page, between them. */
const STATES: readonly { state: string; checkout: string; reach: (visit: Visit) => Promise<void> }[] = [
  { state: "items and stored method", checkout: "express", reach: () => Promise.resolve() },
  {
    state: "cart",
    checkout: "control",
    async reach(visit) {
      await visit.next.click();
      await visit.heading("Your cart").waitFor();
    },
  },
  {
    state: "form with errors",
    checkout: "single_page",
    async reach(visit) {
      await visit.next.click();
      await visit.page.locator(".error:visible").first().waitFor();
      await visit.page.getByText("Card numbers to try").click();
    },
  },
  {
    state: "decline",
    checkout: "single_page",
    async reach(visit) {
      await visit.fillAll();
      await visit.fillCard(CARDS.declined);
      await visit.next.click();
      await visit.heading("Your card was declined").waitFor();
    },
  },
  {
    state: "confirmation",
    checkout: "express",
    async reach(visit) {
      await visit.fillAll();
      await visit.next.click();
      await visit.heading("Thank you, your order is placed").waitFor();
    },
  },
];

/** The name of what has the focus, as a screen reader says it. */
const FOCUSED = `(({ ariaLabel, labels, textContent }) =>
  (ariaLabel ?? (labels?.[0] ?? { textContent }).textContent).trim())(document.activeElement)`;

/** Other tests may keep the machine busy. */
const PATIENCE = { timeout: 20_000 };

const OUTLINE = "getComputedStyle(document.activeElement).outline";

describe("the shop page", () => {
  beforeAll(async () => {
    if (executablePath === undefined) return;
    // Playwright puts the profile into a temporary folder, removes it, and starts Chromium without its sandbox, which
    // root cannot have. The pages are our own.
    browser = await chromium.launch({ executablePath });
    system = await startQuickSystem();
  });

  beforeEach((context) => {
    if (executablePath !== undefined) return;
    context.task.meta.skipped = NO_CHROMIUM;
    context.skip(NO_CHROMIUM);
  });

  afterAll(async () => {
    await browser?.close();
    await system?.stop();
  });

  test.each(LAYOUTS)("PAG-01 an order can be placed in the layout of $variant", async ({ variant, banner, pages }) => {
    await using visit = await Visit.open(browser, system, { checkout: variant, shipping_banner: banner });
    const seen = [];
    await visit.choose("Coffee beans", 2);
    await visit.screenshot(variant);
    for (const parts of pages) {
      seen.push(await visit.parts());
      if (parts.includes("address")) await visit.fillAddress();
      if (parts.includes("payment")) await visit.fillCard(CARDS.accepted);
      const isLast = parts === pages.at(-1);
      if (isLast) break;
      await visit.next.click();
      await visit.page.locator(`[data-part="${parts[0]}"]`).waitFor({ state: "hidden" });
      await visit.screenshot(`${variant}-${seen.length + 1}`);
    }
    expect(seen).toEqual(pages);
    expect(await visit.page.locator("#banner").isVisible()).toBe(banner === "free_shipping");

    const answered = visit.page.waitForResponse((response) => response.url().endsWith("/api/checkout"));
    await visit.next.click();
    const response = await answered;
    expect(response.status()).toBe(201);
    const { orderId, totalCents } = (await response.json()) as { orderId: string; totalCents: number }; // why: the contract
    await visit.heading("Thank you, your order is placed").waitFor();
    const receipt = await visit.page.locator("#receipt").innerText();
    expect(receipt).toContain(orderId);
    expect(receipt).toContain(`€${(totalCents / 100).toFixed(2)}`);
    await visit.screenshot(`${variant}-placed`);

    expect(visit.complaints).toEqual([]);
    const hosts = new Set(visit.requests.map((request) => new URL(request.url()).origin));
    expect([...hosts]).toEqual([system.addresses.gateway]);
  });

  test("PAG-02 an order can be placed by keyboard alone, and the focus is visible and moves with the pages", async () => {
    await using visit = await Visit.open(browser, system, { checkout: "control" });
    const { keyboard } = visit.page;
    const focused = (): Promise<string> => visit.page.evaluate(FOCUSED);
    const outlines = new Set<string>();
    const tabTo = async (name: string): Promise<void> => {
      for (let presses = 0; presses < 60; presses++) {
        await keyboard.press("Tab");
        outlines.add(await visit.page.evaluate(OUTLINE));
        if ((await focused()) === name) return;
      }
      throw new Error(`the Tab key does not lead to ${name}`);
    };
    const enter = async (name: string, heading: string): Promise<void> => {
      await tabTo(name);
      await keyboard.press("Enter");
      await expect.poll(focused, PATIENCE).toBe(heading);
    };

    await tabTo("One Coffee beans more");
    await keyboard.press("Space");
    await visit.screenshot("keyboard");
    await enter("Continue to the cart", "Your cart");
    await enter("Continue to the address", "Where it goes");
    for (const [label, value] of [
      ["E-mail", "shopper@example.com"],
      ["Name", "Sample Shopper"],
      ["Street and number", "Sample Street 1"],
      ["Postal code", "10115"],
      ["City", "Berlin"],
    ] as const) {
      await tabTo(label);
      await keyboard.type(value);
    }
    await enter("Continue to the payment", "How you pay");
    await tabTo("Card number");
    await keyboard.type(CARDS.accepted);
    await tabTo("Valid until");
    await keyboard.type("09/31");
    await tabTo("Security code");
    await keyboard.type("123");
    await enter("Place the order", "Thank you, your order is placed");
    // One style for all of them: three pixels in the colour for the focus.
    expect([...outlines]).toEqual([expect.stringMatching(/ solid 3px$/)]);
  });

  test("PAG-03 a decline is shown with its reason and what to do, and another card is another try", async () => {
    await using visit = await Visit.open(browser, system, { checkout: "single_page" });
    await visit.fillAll();
    await visit.fillCard(CARDS.declined);
    await visit.next.click();
    const alert = visit.page.getByRole("alert");
    await visit.heading("Your card was declined").waitFor();
    const text = await alert.innerText();
    expect(text).toContain("Your bank has declined this card.");
    expect(text).toContain("Use another card");
    expect(await visit.page.evaluate("document.activeElement.id")).toBe("problem");
    await visit.screenshot("declined");

    await visit.fillCard(CARDS.accepted);
    await visit.next.click();
    await visit.heading("Thank you, your order is placed").waitFor();
    expect(await alert.innerText()).toBe("");
    const keys = visit.calls("/api/checkout").map((call) => call.headers()["idempotency-key"]);
    expect(new Set(keys).size).toBe(2);
  });

  test("PAG-04 a try that got no answer is repeated with the same key, and one order comes of it", async () => {
    let tries = 0;
    await using visit = await Visit.open(browser, system, { checkout: "express" });
    await visit.page.route("**/api/checkout", async (route) => {
      // The order is placed, and its answer is lost.
      if (++tries === 1) await route.fetch();
      await (tries === 1 ? route.abort() : route.continue());
    });
    await visit.fillAll();
    await visit.next.click();
    await visit.heading("The shop did not answer").waitFor();
    await visit.next.click();
    await visit.heading("Thank you, your order is placed").waitFor();
    const keys = visit.calls("/api/checkout").map((call) => call.headers()["idempotency-key"]);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
    const orderId = await visit.page.locator("#receipt dd").first().innerText();
    const { cartId } = visit.calls("/api/checkout")[0]?.postDataJSON() ?? {};
    expect(await query("SELECT id FROM orders WHERE cart_id = $1", [cartId])).toEqual([{ id: orderId }]);
  });

  test("PAG-05 the trace begins in the browser: the gateway's server spans continue the one that the page began", async () => {
    await using visit = await Visit.open(browser, system, { checkout: "control" });
    await visit.fillAll();
    await visit.next.click();
    await visit.heading("Thank you, your order is placed").waitFor();
    const parents = visit.calls("/api/").map((call) => call.headers()["traceparent"] ?? "");
    expect(parents).toHaveLength(3);
    const ids = parents.map((parent) => /^00-([\da-f]{32})-([\da-f]{16})-01$/.exec(parent)?.slice(1) ?? []);
    const [traceId] = ids[0] ?? [];
    expect(ids.map(([id]) => id)).toEqual([traceId, traceId, traceId]);

    const spans = () => system.receiver.telemetry.spans.filter((span) => span.traceId === traceId);
    const servers = () => spans().filter(({ service, kind }) => service === "gateway" && kind === "server");
    await expect.poll(() => servers().length, PATIENCE).toBe(3);
    expect(new Set(servers().map(({ parentSpanId }) => parentSpanId))).toEqual(new Set(ids.map(([, id]) => id)));
    await expect.poll(() => spans().some(({ service }) => service === "order"), PATIENCE).toBe(true);
  });

  test("PAG-06 what the shop says is shown as text, whatever is in it", async () => {
    const hostile = '<img src="/x" onerror="document.title = 1">';
    await using visit = await Visit.open(
      browser,
      system,
      { checkout: "single_page" },
      {
        async before(page) {
          await page.route("**/api/shop", async (route) => {
            const response = await route.fetch();
            const json = (await response.json()) as { products: object[] }; // why: the contract
            const second = { ...json.products[1], id: '"><b>', name: hostile, description: hostile };
            await route.fulfill({ response, json: { ...json, products: [json.products[0], second] } });
          });
          const json = { step: "cart", reason: "constructor", message: hostile };
          await page.route("**/api/cart", (route) => route.fulfill({ status: 503, json }));
        },
      },
    );
    await visit.fillAll();
    await visit.choose(hostile, 1);
    await visit.next.click();
    await visit.page.getByRole("alert").getByText(hostile).waitFor();
    expect(await visit.page.locator("#products img, #products b, #problem img, #summary-lines img").count()).toBe(0);
    expect(await visit.page.locator("#products h3").nth(1).innerText()).toBe(hostile);
    expect(await visit.page.getByRole("alert").innerText()).toContain("Something in the shop does not work");
    expect(visit.complaints).toEqual([]);
  });

  test("PAG-07 what is missing is said beside each field, and the focus goes to the first of them", async () => {
    await using visit = await Visit.open(browser, system, { checkout: "single_page" });
    await visit.next.click();
    expect(await visit.page.getByText("Choose at least one item.").isVisible()).toBe(true);
    expect(await visit.page.evaluate(FOCUSED)).toBe("Quantity of Coffee beans");
    await visit.choose("Coffee beans", 1);
    await visit.next.click();
    expect(await visit.page.evaluate(FOCUSED)).toBe("E-mail");
    const wrong = await visit.page.locator('[aria-invalid="true"]').all();
    expect(wrong).toHaveLength(8);
    for (const field of wrong) {
      const error = visit.page.locator(`#${await field.getAttribute("aria-describedby")}`);
      expect(await error.innerText()).toMatch(/^Write /);
    }
    expect(visit.calls("/api/checkout")).toEqual([]);
  });

  test("PAG-08 nobody pays a price that the page has not shown", async () => {
    await using visit = await Visit.open(browser, system, { checkout: "single_page" });
    await visit.fillAll();
    try {
      await query("UPDATE products SET price_cents = price_cents + 100 WHERE id = 'beans'");
      await visit.next.click();
      await visit.heading("A price has changed").waitFor();
      expect(visit.calls("/api/checkout")).toEqual([]);
      expect(await visit.page.locator("#total").innerText()).toBe("€39.80");
      await visit.next.click();
      await visit.heading("Thank you, your order is placed").waitFor();
    } finally {
      await query("UPDATE products SET price_cents = price_cents - 100 WHERE id = 'beans'");
    }
  });

  test.each(STATES)(
    "PAG-09 axe-core finds nothing, and nothing is cut off: $state",
    async ({ state, checkout, reach }) => {
      // Colours that change by and by would be seen half-way.
      const options = { reducedMotion: "reduce" } as const;
      await using visit = await Visit.open(browser, system, { checkout, shipping_banner: "free_shipping" }, options);
      await visit.choose("Coffee beans", 2);
      await reach(visit);
      expect(await look(visit, state)).toEqual([]);
    },
  );

  test("PAG-10 nothing moves for who wants reduced motion", async () => {
    await using visit = await Visit.open(browser, system, { checkout: "control" }, { reducedMotion: "reduce" });
    const duration = (): Promise<string> =>
      visit.page.evaluate("getComputedStyle(document.querySelector('#next')).transitionDuration");
    expect(await duration()).toBe("0s");
    await visit.page.emulateMedia({ reducedMotion: "no-preference" });
    expect(await duration()).toContain("0.15s");
  });
});

test("PAG-11 there is a picture of each product", () => {
  const art = readFileSync(new URL("../../examples/checkout/gateway/page/art.svg", import.meta.url), "utf8");
  const pictures = [...art.matchAll(/<symbol id="(.*?)"/g)].map(([, id]) => id);
  expect(pictures).toEqual(products.map(({ id }) => id));
});

const APPEARANCES = [
  { name: "light", width: 1280, colorScheme: "light" },
  { name: "dark-narrow", width: 360, colorScheme: "dark" },
] as const;

/** @returns what is wrong with the page, in light and in dark, wide and at 360 px */
async function look(visit: Visit, state: string): Promise<readonly string[]> {
  const { page } = visit;
  const wrong: string[] = [];
  for (const { name, width, colorScheme } of APPEARANCES) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    await visit.screenshot(`${state.replaceAll(" ", "-")}-${name}`);
    // The page has no frame, so one run sees all of it.
    const { violations } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
    for (const { id, nodes } of violations)
      wrong.push(`${name}: ${id} at ${nodes.map(({ target }) => target).join(", ")}`);
    const needed: number = await page.evaluate("document.documentElement.scrollWidth");
    if (needed > width) wrong.push(`${name}: the page needs ${needed} px`);
  }
  return wrong;
}

async function query(text: string, values: readonly string[] = []): Promise<readonly object[]> {
  const client = new Client({ connectionString: system.database.url });
  await client.connect();
  try {
    return (await client.query<object>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
