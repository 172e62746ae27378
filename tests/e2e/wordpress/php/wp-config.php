<?php
/** One configuration for every instance: what differs between them comes from the environment. */
define( 'DB_NAME', 'wordpress' );
define( 'DB_USER', 'root' );
define( 'DB_PASSWORD', '' );
define( 'DB_HOST', 'localhost:' . getenv( 'WP_TEST_SOCKET' ) );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );
define( 'WP_HOME', getenv( 'WP_TEST_HOME' ) );
define( 'WP_SITEURL', getenv( 'WP_TEST_HOME' ) );
define( 'WP_CONTENT_DIR', getenv( 'WP_TEST_CONTENT' ) );
define( 'WP_CONTENT_URL', getenv( 'WP_TEST_HOME' ) . '/wp-content' );
// Without "local", application passwords exist over HTTPS only.
define( 'WP_ENVIRONMENT_TYPE', getenv( 'WP_TEST_ENVIRONMENT' ) );
define( 'WP_HTTP_BLOCK_EXTERNAL', true );
define( 'WP_ACCESSIBLE_HOSTS', '127.0.0.1,localhost' );
define( 'AUTOMATIC_UPDATER_DISABLED', true );
define( 'DISABLE_WP_CRON', true );
define( 'WP_DEBUG', true );
define( 'WP_DEBUG_DISPLAY', false );
define( 'WP_DEBUG_LOG', getenv( 'WP_TEST_CONTENT' ) . '/debug.log' );
foreach ( array( 'AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE' ) as $igny8_name ) {
	define( $igny8_name . '_KEY', 'throw-away-key-' . $igny8_name );
	define( $igny8_name . '_SALT', 'throw-away-salt-' . $igny8_name );
}
$table_prefix = 'wp_';
if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';
