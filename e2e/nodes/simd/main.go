// Command simd runs the IBC test application of ibc-go v10 as a real node.
//
// The application is the one ibc-go ships for its own tests: bank, staking, governance, IBC core (v1 and v2), transfer,
// interchain accounts and, on the ports mockv2A and mockv2B, applications that answer packets in a scripted way.
package main

import (
	"fmt"
	"io"
	"os"

	"cosmossdk.io/log"

	dbm "github.com/cosmos/cosmos-db"
	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/config"
	"github.com/cosmos/cosmos-sdk/client/debug"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/keys"
	"github.com/cosmos/cosmos-sdk/client/rpc"
	"github.com/cosmos/cosmos-sdk/server"
	svrcmd "github.com/cosmos/cosmos-sdk/server/cmd"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	authcmd "github.com/cosmos/cosmos-sdk/x/auth/client/cli"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	genutilcli "github.com/cosmos/cosmos-sdk/x/genutil/client/cli"

	cmtcfg "github.com/cometbft/cometbft/config"

	"github.com/cosmos/ibc-go/v10/testing/simapp"
)

func main() {
	if err := svrcmd.Execute(newRootCommand(), "SIMD", simapp.DefaultNodeHome); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	// A throw-away application, only to learn the codecs and module list.
	app := simapp.NewSimApp(log.NewNopLogger(), dbm.NewMemDB(), nil, true, simtestutil.NewAppOptionsWithFlagHome(os.TempDir()))
	initial := client.Context{}.
		WithCodec(app.AppCodec()).
		WithInterfaceRegistry(app.InterfaceRegistry()).
		WithTxConfig(app.TxConfig()).
		WithLegacyAmino(app.LegacyAmino()).
		WithInput(os.Stdin).
		WithAccountRetriever(authtypes.AccountRetriever{}).
		WithHomeDir(simapp.DefaultNodeHome).
		WithViper("SIMD")

	root := &cobra.Command{
		Use:          "simd",
		Short:        "IBC test application of ibc-go v10",
		SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(cmd.OutOrStdout())
			cmd.SetErr(cmd.ErrOrStderr())
			keepOnLeash(cmd)
			ctx, err := client.ReadPersistentCommandFlags(initial.WithCmdContext(cmd.Context()), cmd.Flags())
			if err != nil {
				return err
			}
			if ctx, err = config.ReadFromClientConfig(ctx); err != nil {
				return err
			}
			if err = client.SetCmdClientContextHandler(ctx, cmd); err != nil {
				return err
			}
			application := serverconfig.DefaultConfig()
			application.MinGasPrices = "0stake"
			return server.InterceptConfigsPreRunHandler(cmd, serverconfig.DefaultConfigTemplate, application, cmtcfg.DefaultConfig())
		},
	}

	addLeash(root)
	server.AddCommands(root, simapp.DefaultNodeHome, newApp, exportApp, func(*cobra.Command) {})
	root.AddCommand(
		genutilcli.InitCmd(app.BasicModuleManager, simapp.DefaultNodeHome),
		genutilcli.Commands(app.TxConfig(), app.BasicModuleManager, simapp.DefaultNodeHome),
		debug.Cmd(),
		keys.Commands(),
		server.StatusCommand(),
		queries(app),
		transactions(app),
	)
	return root
}

func queries(app *simapp.SimApp) *cobra.Command {
	cmd := &cobra.Command{Use: "query", Aliases: []string{"q"}, Short: "Querying subcommands", RunE: client.ValidateCmd}
	cmd.AddCommand(rpc.WaitTxCmd(), authcmd.QueryTxCmd(), authcmd.QueryTxsByEventsCmd(), server.QueryBlockCmd(), server.QueryBlockResultsCmd())
	app.BasicModuleManager.AddQueryCommands(cmd)
	cmd.PersistentFlags().String(flags.FlagChainID, "", "The network chain ID")
	return cmd
}

func transactions(app *simapp.SimApp) *cobra.Command {
	cmd := &cobra.Command{Use: "tx", Short: "Transactions subcommands", RunE: client.ValidateCmd}
	cmd.AddCommand(authcmd.GetSignCommand(), authcmd.GetBroadcastCommand(), authcmd.GetEncodeCommand(), authcmd.GetDecodeCommand())
	app.BasicModuleManager.AddTxCommands(cmd)
	cmd.PersistentFlags().String(flags.FlagChainID, "", "The network chain ID")
	return cmd
}

func newApp(logger log.Logger, db dbm.DB, trace io.Writer, options servertypes.AppOptions) servertypes.Application {
	return simapp.NewSimApp(logger, db, trace, true, options, server.DefaultBaseappOptions(options)...)
}

func exportApp(log.Logger, dbm.DB, io.Writer, int64, bool, []string, servertypes.AppOptions, []string) (servertypes.ExportedApp, error) {
	return servertypes.ExportedApp{}, fmt.Errorf("export is not offered by this node")
}
