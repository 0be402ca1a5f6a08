package main

import (
	"io"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// flagLeash ends the node when its standard input closes, so that it never outlives the test that started it.
const flagLeash = "until-stdin-closes"

// stopLimit is how long the node may take to end by itself.
const stopLimit = 10 * time.Second

// addLeash gives every command the flag.
func addLeash(root *cobra.Command) {
	root.PersistentFlags().Bool(flagLeash, false, "end when standard input closes")
}

// keepOnLeash heeds the flag: when standard input closes the process is asked to end as by an operator, and then made to.
func keepOnLeash(cmd *cobra.Command) {
	if leash, err := cmd.Flags().GetBool(flagLeash); err != nil || !leash {
		return
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			os.Exit(1)
		}
		time.Sleep(stopLimit)
		os.Exit(1)
	}()
}
