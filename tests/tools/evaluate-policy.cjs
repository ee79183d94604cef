// Evaluates a MutatingAdmissionPolicy by a real CEL library, as an API server would: conditions, variables in their order, the mutation.
// Standard input: {"conditions": [CEL], "variables": [{"name", "expression"}], "mutation": CEL, "requests": [{"operation", "object", "oldObject"}]}
// Standard output: for each request null where a condition excludes it, else the mutation as an object.
// Run by the tools folder's bin/node-with-cel, which install-clients.sh makes.
const { parse, plan, celEnv, isCelList, isCelMap } = require("@bufbuild/cel");
const { strings } = require("@bufbuild/cel/ext");
const { readFileSync } = require("node:fs");

const environment = celEnv({ funcs: strings });
const compile = (expression) => plan(environment, parse(expression));

// The library has no types of a cluster: an object of Kubernetes is a map here.
const asMap = (mutation) => mutation.replace(/\bObject(?:\.\w+)*\{/g, "{").replace(/([{,]\s*)(\w+):/g, "$1'$2':");

const plain = (value) =>
  isCelList(value) ? [...value].map(plain)
  : isCelMap(value) ? Object.fromEntries([...value].map(([key, one]) => [key, plain(one)]))
  : value;

const evaluate = (program, bindings) => {
  const value = program(bindings);
  if (value instanceof Error) throw value;
  return value;
};

const { conditions, variables, mutation, requests } = JSON.parse(readFileSync(0, "utf8"));
const conditionPrograms = conditions.map(compile);
const variablePrograms = variables.map(({ name, expression }) => [name, compile(expression)]);
const mutationProgram = compile(asMap(mutation));

const answers = requests.map(({ operation, object, oldObject }) => {
  const bindings = { object, oldObject, request: { operation }, variables: {} };
  if (!conditionPrograms.every((program) => evaluate(program, bindings) === true)) return null;
  for (const [name, program] of variablePrograms) bindings.variables[name] = evaluate(program, bindings);
  return plain(evaluate(mutationProgram, bindings));
});
process.stdout.write(JSON.stringify(answers));
