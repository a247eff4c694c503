/** A body of several segments: its end arrives long after the handler was called. */
export const LONG_BODY: string = JSON.stringify({
  items: Array.from({ length: 5_000 }, (_, i) => `an item, number ${i}`),
});

export const JSON_LINES: readonly string[] = ["content-type: application/json"];
export const BYTES_LINES: readonly string[] = ["content-type: application/octet-stream"];

const BOUNDARY = "otel-experiments-boundary";
export const FORM_LINES: readonly string[] = [`content-type: multipart/form-data; boundary=${BOUNDARY}`];
export const FORM: string = [
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="note"\r\n\r\nhello`,
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\ncontent-type: application/octet-stream\r\n\r\n${"x".repeat(50_000)}`,
  `--${BOUNDARY}--\r\n`,
].join("\r\n");
