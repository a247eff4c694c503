const api = require("@opentelemetry/api");
const express = require("express");
const http = require("node:http");
const pino = require("pino");
const { createExperiments } = require("otel-experiments");
const { expressExperiments } = require("otel-experiments/express");
const { experimentFetch } = require("otel-experiments/fetch");
const { openShop } = require("./shop.cjs");

openShop({ api, createExperiments, experimentFetch, express, expressExperiments, http, pino });
