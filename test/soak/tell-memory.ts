// Loaded before the agent (--import): tells the process that forked it how much memory it takes, when asked.

process.on('message', () => process.send?.(process.memoryUsage()))
// The agent ends as it would without.
process.channel?.unref()
